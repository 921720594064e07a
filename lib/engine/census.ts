import type { Answer } from "../job/answer.js";

/** What hosts know of each other by the table: who is registered, who shows life, and who holds what. Pure. */

/** A host as a look at the table shows it. */
export interface Sighting {
  readonly id: string;
  /** Signs of life: they change with each heartbeat (`seen` alone with those of an older release), and say nothing else. */
  readonly beat: number;
  readonly seen: number;
  /** The advisory lock that its session holds; null where its sessions show nothing, as behind a pooler. */
  readonly lockKey: string | null;
  /** Whether nobody holds that lock. */
  readonly free: boolean;
}

/** What fences a write, beside the host. */
export interface ClaimKey {
  readonly id: number;
  readonly claim: number;
}

/** What there was to look after. */
export interface Tended {
  /** How many jobs have become available whose time had come. */
  readonly staged: number;
  /** Queues with jobs that are available. */
  readonly queues: readonly string[];
  readonly hosts: readonly Sighting[];
  /** By queue, the ids of the live hosts that serve it with the same workers as this host, its own included. */
  readonly peers: Readonly<Record<string, readonly string[]>>;
  /** The jobs that this host holds by the table; null where that was not asked. */
  readonly held: readonly ClaimKey[] | null;
  /** Hosts that hold jobs without being registered. */
  readonly orphans: readonly string[];
}

/** What a host registers as. */
export interface Registration {
  readonly name: string;
  readonly queues: Readonly<Record<string, number>>;
  readonly workers: readonly string[];
  readonly version: string;
  readonly lockKey: string | null;
}

/** Why a host's jobs are taken from it. */
export interface Loss {
  readonly id: string;
  /** Its last sign of life: one that came since undoes the loss. Null for a host that is not registered. */
  readonly sighting: Sighting | null;
  /** Whether its lock must still be free. */
  readonly unlocked: boolean;
  /** Whether its process is known to have died: then its jobs may have been the cause. */
  readonly died: boolean;
}

/** How a dead host's jobs fared. */
export interface Rescued {
  readonly jobs: number;
  /** Of these, how many had no attempt left. */
  readonly discarded: number;
  /** Whether the host is off the list by this; false where it has shown life meanwhile, and where it was not on it. */
  readonly gone: boolean;
}

/** What those are told, and the row's history, whose job is discarded by a rescue. */
export interface Ending {
  readonly answer: Answer;
  readonly error: string;
}

type HostRow = readonly [id: string, beat: number, seen: number, lockKey: string | null, free: boolean];

/** What a look returns; lists come as JSON text. */
export interface TendedRow {
  readonly staged: number;
  readonly queues: readonly string[];
  readonly mixed: readonly string[];
  readonly hosts: string | null;
  readonly peers: string;
  readonly held: string | null;
  readonly orphans: readonly string[];
}

/** `compared`: whether the look asked for what this host holds. */
export function toTended({ staged, queues, hosts, peers, held, orphans }: TendedRow, compared: boolean): Tended {
  const rows = JSON.parse(hosts ?? "[]") as readonly HostRow[];
  const keys = JSON.parse(held ?? "[]") as readonly (readonly [id: number, claim: number])[];
  return {
    staged,
    queues,
    orphans,
    peers: JSON.parse(peers) as Tended["peers"],
    hosts: rows.map(([id, beat, seen, lockKey, free]) => ({ id, beat, seen, lockKey, free })),
    held: compared ? keys.map(([id, claim]) => ({ id, claim })) : null,
  };
}

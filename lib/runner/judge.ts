import type { Sighting } from "../engine/tend.js";

/**
 * Decides which hosts are lost. Silence is evidence only while the judge itself was served: it counts the time over which a host
 * stood still only where its own looks and heartbeats were answered promptly. So a database that is silent, stopped, locked or
 * away makes nobody lost, however long it lasts. Time is this process's monotonic clock; the server's plays no part. Pure.
 */

/** One look at the table of hosts, in ms of the monotonic clock. */
export interface Look {
  readonly sentAt: number;
  readonly answeredAt: number;
  readonly hosts: readonly Sighting[];
}

/** How the judge's own heartbeat fares. */
export interface OwnPulse {
  readonly host: string;
  /** Since when its connection is up without a break; null while it is not. */
  readonly upSince: number | null;
  /** When the last heartbeat that was answered had been sent, and the beat that came back. */
  readonly ackedAt: number;
  readonly beat: number;
}

/** A host that is lost. */
export interface Verdict {
  readonly sighting: Sighting;
  /** `gone`: its session has ended, and so has most likely its process. `silent`: it stands still while its session, if any, lives. */
  readonly kind: "gone" | "silent";
}

/** A look that takes longer was not served promptly. */
const PROMPT = 1_000;
/** A longer gap between two looks: this process, or all around it, stood still. */
const GAP = 3_000;
/** The judge's own heartbeats count as answered for so long. */
const OWN_BEAT = 4_000;
/** Of good service before a free lock counts: so long every host has to take up its lock again after a failover. */
export const CALM = 6_000;
/** How long a host's lock must be free, without a sign of life, at every look between. */
export const GRACE = 500;
/** Of good service without a sign of life, after which a host is lost whatever its session does. */
export const LEASE = 14_000;
/** Of good service without a sign of life, after which a host starts no jobs: it has missed a heartbeat. */
const ABSENT = 4_000;

/** What the judge remembers of a host. */
interface Record {
  sighting: Sighting;
  /** ms of good service without a sign of life. */
  quiet: number;
  /** Since when its lock was free at every look; null while it is held. */
  freeSince: number | null;
}

export class Judge {
  readonly #records = new Map<string, Record>();
  #answeredAt = Number.NEGATIVE_INFINITY;
  /** Since when service is good. */
  #calmSince = Number.POSITIVE_INFINITY;
  #suspects = false;

  /** Whether a second look, soon, may prove hosts lost. */
  get suspects(): boolean {
    return this.#suspects;
  }

  /** Whether a host, by the last look, can hardly claim: its session has ended, or it has missed a heartbeat. */
  absent(host: string): boolean {
    const record = this.#records.get(host);
    return record !== undefined && (record.freeSince !== null || record.quiet >= ABSENT);
  }

  /** Takes in a look, and says who is lost by it. A host is named again at each look until it shows life or is off the list. */
  judge(look: Look, own: OwnPulse): Verdict[] {
    const good = this.#served(look, own);
    if (!good) this.#calmSince = look.answeredAt;
    const passed = look.sentAt - this.#answeredAt;
    this.#answeredAt = look.answeredAt;
    this.#suspects = false;
    const before = new Map(this.#records);
    this.#records.clear();
    const verdicts: Verdict[] = [];
    for (const sighting of look.hosts) {
      if (sighting.id === own.host) continue;
      const record = updated(before.get(sighting.id), sighting, good ? passed : null, look.answeredAt);
      this.#records.set(sighting.id, record);
      const kind = this.#kindOf(record, look.answeredAt);
      if (kind !== null) verdicts.push({ sighting, kind });
    }
    return verdicts;
  }

  #served({ sentAt, answeredAt, hosts }: Look, { host, upSince, ackedAt, beat }: OwnPulse): boolean {
    const row = hosts.find(({ id }) => id === host);
    return (
      answeredAt - sentAt < PROMPT &&
      sentAt - this.#answeredAt < GAP &&
      upSince !== null &&
      upSince < this.#answeredAt &&
      answeredAt - ackedAt < OWN_BEAT &&
      // Older than what was acknowledged: a standby that lags, or a failover that lost some.
      row !== undefined &&
      row.beat >= beat
    );
  }

  #kindOf({ quiet, freeSince }: Record, now: number): Verdict["kind"] | null {
    if (freeSince !== null && now - this.#calmSince >= CALM) {
      if (now - freeSince >= GRACE) return "gone";
      this.#suspects = true;
    }
    return quiet >= LEASE ? "silent" : null;
  }
}

/** `passed`: ms of good service since the look before; null where it was not good. */
function updated(before: Record | undefined, sighting: Sighting, passed: number | null, now: number): Record {
  const was = before?.sighting;
  const alive = was?.beat !== sighting.beat || was.seen !== sighting.seen || was.lockKey !== sighting.lockKey;
  if (before === undefined || alive)
    return { sighting, quiet: 0, freeSince: sighting.free && passed !== null ? now : null };
  if (passed === null) return { sighting, quiet: Math.min(before.quiet, LEASE - CALM), freeSince: null };
  return { sighting, quiet: before.quiet + passed, freeSince: sighting.free ? (before.freeSince ?? now) : null };
}

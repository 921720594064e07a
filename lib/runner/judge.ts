import type { Sighting } from "../engine/tend.js";

/** One look at the table of hosts, its times by `performance.now()`. */
export interface Look {
  readonly sentAt: number;
  readonly answeredAt: number;
  readonly hosts: readonly Sighting[];
}

/** The state of the judge's own heartbeat. */
export interface OwnPulse {
  /** The id of the judge's host. */
  readonly host: string;
  /** Since when its connection is up without a break; null while it is down. */
  readonly upSince: number | null;
  /** When the last acknowledged heartbeat was sent. */
  readonly ackedAt: number;
  /** The beat that this heartbeat brought back. */
  readonly beat: number;
}

/** The finding that a host is lost. */
export interface Verdict {
  readonly sighting: Sighting;
  /**
   * `gone`: the host's session has ended, and so most likely has its process. `silent`: the host
   * shows no sign of life, but its session, if any, lives.
   */
  readonly kind: "gone" | "silent";
}

/** ms that a look may take, in good service. */
const PROMPT = 1_000;
/** ms between two looks, in good service. After a longer gap, this process stood still. */
const GAP = 3_000;
/** ms since the judge's own acknowledged heartbeat, in good service. */
const OWN_BEAT = 4_000;
/**
 * ms of good service before a free lock is evidence. A failover frees every lock; within this
 * time each host retakes its own.
 */
export const CALM = 6_000;
/** ms for which a host's lock must be free, at every look, without a sign of life. */
export const GRACE = 500;
/**
 * ms of good service without a sign of life after which a host is lost. Its session may live on.
 */
export const LEASE = 14_000;
/** ms of good service without a sign of life after which a host must have missed a heartbeat. */
const ABSENT = 4_000;

/** What the judge remembers of a host. */
interface Observation {
  sighting: Sighting;
  /** ms of good service without a sign of life. */
  quiet: number;
  /** Since when its lock has been free at every look; null if it was held, or service was bad. */
  freeSince: number | null;
}

/**
 * Decides which hosts are lost. Silence is evidence only while the judge itself was served:
 * the time without a sign of life counts only if the judge's own looks and heartbeats were
 * answered promptly. No outage or lock of the database makes a host lost, however long it lasts.
 *
 * Time is this process's monotonic clock. The server's clock plays no part. Pure.
 */
export class Judge {
  /** The other hosts in the last look, by id. */
  readonly #observed = new Map<string, Observation>();
  /** When the last look was answered. */
  #answeredAt = Number.NEGATIVE_INFINITY;
  /** Since when service has been good. */
  #calmSince = Number.POSITIVE_INFINITY;
  #needsSecondLook = false;

  /** Whether a lock has just been found free: a second look, soon, may prove its host gone. */
  get needsSecondLook(): boolean {
    return this.#needsSecondLook;
  }

  /** Whether a host is unlikely to claim: its session seems to have ended, or it missed a beat. */
  absent(host: string): boolean {
    const observation = this.#observed.get(host);
    return observation !== undefined && (observation.freeSince !== null || observation.quiet >= ABSENT);
  }

  /**
   * Evaluates a look. Returns the hosts that it proves lost, at each look until they show a
   * sign of life or leave the table.
   */
  judge(look: Look, own: OwnPulse): Verdict[] {
    const good = this.#served(look, own);
    if (!good) this.#calmSince = look.answeredAt;
    const passed = look.sentAt - this.#answeredAt;
    this.#answeredAt = look.answeredAt;
    this.#needsSecondLook = false;
    const before = new Map(this.#observed);
    this.#observed.clear();
    const verdicts: Verdict[] = [];
    for (const sighting of look.hosts) {
      if (sighting.id === own.host) continue;
      const observation = updated(before.get(sighting.id), sighting, good ? passed : null, look.answeredAt);
      this.#observed.set(sighting.id, observation);
      const kind = this.#kindOf(observation, look.answeredAt);
      if (kind !== null) verdicts.push({ sighting, kind });
    }
    return verdicts;
  }

  /** Whether this look counts as good service. */
  #served({ sentAt, answeredAt, hosts }: Look, { host, upSince, ackedAt, beat }: OwnPulse): boolean {
    const row = hosts.find(({ id }) => id === host);
    return (
      answeredAt - sentAt < PROMPT &&
      sentAt - this.#answeredAt < GAP &&
      upSince !== null &&
      upSince < this.#answeredAt &&
      answeredAt - ackedAt < OWN_BEAT &&
      // Otherwise the table is older than that beat: a lagging standby, or a
      // failover that lost writes.
      row !== undefined &&
      row.beat >= beat
    );
  }

  #kindOf({ quiet, freeSince }: Observation, now: number): Verdict["kind"] | null {
    if (freeSince !== null && now - this.#calmSince >= CALM) {
      if (now - freeSince >= GRACE) return "gone";
      this.#needsSecondLook = true;
    }
    return quiet >= LEASE ? "silent" : null;
  }
}

/** @param passed ms of good service since the look before; null if service was bad. */
function updated(before: Observation | undefined, sighting: Sighting, passed: number | null, now: number): Observation {
  const was = before?.sighting;
  const alive = was?.beat !== sighting.beat || was.seen !== sighting.seen || was.lockKey !== sighting.lockKey;
  if (before === undefined || alive)
    return { sighting, quiet: 0, freeSince: sighting.free && passed !== null ? now : null };
  // After bad service at least CALM of the lease remain, so that a host can show a sign of life.
  if (passed === null) return { sighting, quiet: Math.min(before.quiet, LEASE - CALM), freeSince: null };
  return { sighting, quiet: before.quiet + passed, freeSince: sighting.free ? (before.freeSince ?? now) : null };
}

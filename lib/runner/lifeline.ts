import type { ClaimKey } from "../engine/claim-key.js";
import type { Loss } from "../engine/rescue.js";
import type { Tended } from "../engine/tend.js";
import type { Engine } from "../engine/engine.js";
import type { Telemetry } from "../telemetry.js";
import { hostLostEnding } from "./endings.js";
import type { Holds } from "./holds.js";
import { GRACE, Judge, type Verdict } from "./judge.js";
import type { Membership } from "./membership.js";
import { Periodic } from "./periodic.js";

/** ms between two looks. A scheduled job starts about this late at most. */
const LOOK = 800;
/** The same while notifications do not arrive, and only looks find new jobs. */
const LOOK_WHEN_POLLING = 500;
/** ms until the second look at a host that may be gone. */
const SECOND_LOOK = GRACE + 20;
/** ms between two looks that compare this host's holds with the table. */
const COMPARE = 2_000;
/** Most jobs that one look makes available. */
const BATCH = 5_000;

export interface LifelineOptions {
  readonly engine: Engine;
  readonly telemetry: Telemetry;
  readonly membership: Membership;
  readonly holds: Holds;
  /** This host's queues. */
  readonly queues: readonly string[];
  /** Called with each of these queues that has jobs, in case a notification was lost. */
  readonly onJobs: (queue: string) => void;
  /** Called with jobs that this host holds only according to the table. */
  readonly onStrays: (strays: readonly ClaimKey[]) => void;
  /** Whether notifications do not arrive. */
  readonly polling: () => boolean;
}

/**
 * Looks at the table at an interval, in one statement. A look makes due jobs available, finds jobs
 * in this host's queues, shows the other hosts, and compares this host's holds with the table. Jobs
 * of lost hosts are rescued; a live host never loses a job for its age.
 *
 * Every host looks. The statements skip rows that another host has locked, so no
 * single host is needed.
 */
export class Lifeline {
  readonly #options: LifelineOptions;
  readonly #periodic: Periodic;
  readonly #judge = new Judge();
  /** When the last look that compared, and was answered, was sent. */
  #comparedAt = Number.NEGATIVE_INFINITY;
  /** Whether the next look compares, however recently one did. */
  #mustCompare = false;
  /** Looks that have failed in a row. */
  #failures = 0;
  #peers: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(options: LifelineOptions) {
    this.#options = options;
    const { telemetry } = options;
    this.#periodic = new Periodic({ name: "lifeline", interval: LOOK, work: () => this.#look(), telemetry });
  }

  start(): void {
    this.#periodic.start();
  }

  /** Looks and compares now: this host may hold jobs that it does not know of. */
  compareNow(): void {
    this.#mustCompare = true;
    this.#periodic.tickNow();
  }

  /**
   * The ids of the live hosts that serve a queue with the same workers as this one, its own
   * included; null while unknown.
   */
  peers(queue: string): readonly string[] | null {
    return this.#peers.get(queue) ?? null;
  }

  stop(): Promise<void> {
    return this.#periodic.stop();
  }

  async #look(): Promise<number | undefined> {
    const { engine, membership, holds, queues, onJobs, onStrays, polling, telemetry } = this.#options;
    const sentAt = performance.now();
    const compare = this.#mustCompare || sentAt - this.#comparedAt > COMPARE;
    if (compare) this.#mustCompare = false;
    try {
      const { staged, queues: waiting, hosts, peers, held, orphans } = await engine.tend(BATCH, queues, { compare });
      const answeredAt = performance.now();
      this.#failures = 0;
      if (held !== null) {
        this.#comparedAt = sentAt;
        const strays = holds.findStrays(held);
        if (strays.length > 0) onStrays(strays);
      }
      if (staged > 0) telemetry.emit("stage", { jobs: staged });
      for (const queue of waiting) onJobs(queue);
      const verdicts = this.#judge.judge({ sentAt, answeredAt, hosts }, membership.pulse);
      this.#noticePeers(peers);
      for (const verdict of verdicts) await this.#rescue(lossOf(verdict));
      for (const id of orphans) await this.#rescue({ id, sighting: null, unlocked: false, died: false });
      if (staged === BATCH) return 0;
      if (this.#judge.needsSecondLook) return SECOND_LOOK;
      return polling() ? LOOK_WHEN_POLLING : undefined;
    } catch (error) {
      this.#failures += 1;
      this.#mustCompare ||= compare;
      // One failure may be that of one connection: look again at once, but only the first time.
      if (this.#failures === 1) this.#periodic.tickNow();
      throw error;
    }
  }

  /** Leaves out hosts that seem dead or frozen, so that no call depends on them. */
  #noticePeers(peers: Tended["peers"]): void {
    const present = (id: string): boolean => !this.#judge.absent(id);
    this.#peers = new Map(Object.entries(peers).map(([queue, ids]) => [queue, ids.filter(present)]));
  }

  async #rescue(loss: Loss): Promise<void> {
    const { engine, telemetry } = this.#options;
    const { jobs, discarded, gone } = await engine.rescue(loss, hostLostEnding(loss.id));
    if (gone || jobs > 0) telemetry.emit("rescue", { host: loss.id, jobs, discarded });
  }
}

/**
 * Converts a verdict to a loss. A silent host may be frozen or cut off, which is no fault of its
 * jobs. Behind a pooler a death shows only as silence, so there silence counts as a death.
 */
function lossOf({ sighting, kind }: Verdict): Loss {
  const gone = kind === "gone";
  return { id: sighting.id, sighting, unlocked: gone, died: gone || sighting.lockKey === null };
}

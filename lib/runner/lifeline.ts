import { packException } from "../codec/codec.js";
import { HostLostError } from "../errors.js";
import { ANSWER_KINDS, answerWith } from "../job/answer.js";
import type { ClaimKey } from "../engine/claim-key.js";
import type { Ending } from "../engine/ending.js";
import type { Engine } from "../engine/engine.js";
import type { Loss } from "../engine/rescue.js";
import type { Sighting, Tended } from "../engine/tend.js";
import type { Telemetry } from "../telemetry.js";
import type { Holds } from "./holds.js";
import { GRACE, Judge } from "./judge.js";
import type { Membership } from "./membership.js";
import { Periodic } from "./periodic.js";

/** ms between looks after jobs and other hosts: a scheduled job starts at most about this late. */
const LOOK = 800;
/** The same where no notification arrives, and a look is all that there is. */
const LOOK_UNTOLD = 500;
/** ms until the second look at a host that may be gone. */
const SECOND_LOOK = GRACE + 20;
/** ms between comparisons of what the host holds with what the table says, where nothing gives reason to doubt. */
const COMPARE = 2_000;
/** Jobs that become available at a time. */
const BATCH = 5_000;

export interface LifelineOptions {
  readonly engine: Engine;
  readonly telemetry: Telemetry;
  readonly membership: Membership;
  readonly holds: Holds;
  /** This host's queues. */
  readonly queues: readonly string[];
  /** Called with each of its queues that has jobs: whatever notification was lost, it is not missed for long. */
  readonly onJobs: (queue: string) => void;
  /** Called with jobs that this host holds by the table, and knows nothing of. */
  readonly onStrays: (strays: readonly ClaimKey[]) => void;
  readonly polling: () => boolean;
}

/**
 * Looks after what is everybody's: hosts that are lost, jobs whose time has come, and jobs that are this host's by the table alone.
 * Jobs are taken from lost hosts only, never for being old. Every host looks, in one statement each time; they pass over each
 * other's rows, so that no one of them is needed.
 */
export class Lifeline {
  readonly #options: LifelineOptions;
  readonly #periodic: Periodic;
  readonly #judge = new Judge();
  #comparedAt = Number.NEGATIVE_INFINITY;
  /** Whether a doubt came up since the last look that compares was sent. */
  #doubtful = false;
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

  /** The table may say that this host holds jobs that it does not know of: looks, and compares, now. */
  doubt(): void {
    this.#doubtful = true;
    this.#periodic.tickNow();
  }

  /** The ids of the live hosts that serve a queue with the same workers as this one, its own included; null while unknown. */
  peers(queue: string): readonly string[] | null {
    return this.#peers.get(queue) ?? null;
  }

  stop(): Promise<void> {
    return this.#periodic.stop();
  }

  async #look(): Promise<number | undefined> {
    const { engine, membership, holds, queues, onJobs, onStrays, polling, telemetry } = this.#options;
    const sentAt = performance.now();
    const compare = this.#doubtful || sentAt - this.#comparedAt > COMPARE;
    if (compare) this.#doubtful = false;
    try {
      const { staged, queues: waiting, hosts, peers, held, orphans } = await engine.tend(BATCH, queues, { compare });
      const answeredAt = performance.now();
      this.#failures = 0;
      if (held !== null) {
        this.#comparedAt = sentAt;
        const strays = holds.compare(held);
        if (strays.length > 0) onStrays(strays);
      }
      if (staged > 0) telemetry.emit("stage", { jobs: staged });
      for (const queue of waiting) onJobs(queue);
      const verdicts = this.#judge.judge({ sentAt, answeredAt, hosts }, membership.pulse);
      this.#noticePeers(peers);
      for (const { sighting, kind } of verdicts) await this.#rescue(lossOf(sighting, kind));
      for (const id of orphans) await this.#rescue({ id, sighting: null, unlocked: false, died: false });
      if (staged === BATCH) return 0;
      if (this.#judge.suspects) return SECOND_LOOK;
      return polling() ? LOOK_UNTOLD : undefined;
    } catch (error) {
      this.#failures += 1;
      this.#doubtful ||= compare;
      // One failure may be one connection's; so it looks again at once. Two are the database's, or the way to it.
      if (this.#failures === 1) this.#periodic.tickNow();
      throw error;
    }
  }

  /** Leaves out hosts that are dead or frozen, so that no call is left to them until they are found lost. */
  #noticePeers(peers: Tended["peers"]): void {
    const present = (id: string): boolean => !this.#judge.absent(id);
    this.#peers = new Map(Object.entries(peers).map(([queue, ids]) => [queue, ids.filter(present)]));
  }

  async #rescue(loss: Loss): Promise<void> {
    const { engine, telemetry } = this.#options;
    const { jobs, discarded, gone } = await engine.rescue(loss, exhausted(loss.id));
    if (gone || jobs > 0) telemetry.emit("rescue", { host: loss.id, jobs, discarded });
  }
}

/**
 * A silent host may be frozen, or cut off: its jobs are not to blame. Where its sessions show nothing, as behind a pooler, silence
 * is all that a death leaves, and counts as one.
 */
function lossOf(sighting: Sighting, kind: "gone" | "silent"): Loss {
  const gone = kind === "gone";
  return { id: sighting.id, sighting, unlocked: gone, died: gone || sighting.lockKey === null };
}

/** What awaiters are told, and the row's history: without our own stack, which says nothing about the job. */
function exhausted(host: string): Ending {
  const lost = `Host ${host} was lost while it ran this job`;
  const error = new HostLostError(`${lost}, and no attempt is left`);
  error.stack = `${error.name}: ${error.message}`;
  return { answer: answerWith(ANSWER_KINDS.exhausted, packException(error)), error: `HostLostError: ${lost}` };
}

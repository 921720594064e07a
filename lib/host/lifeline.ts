import { packException } from "../codec/codec.js";
import { HostLostError, QuarantinedError } from "../errors.js";
import { ANSWER_KINDS, answerWith } from "../job/answer.js";
import { QUARANTINED_AT } from "../job/crashes.js";
import type { Engine, Judgement, Tended, Verdict } from "../postgres/engine.js";
import type { Telemetry } from "../telemetry.js";
import { Periodic } from "./periodic.js";

/** ms between signs of life, and how long one lasts: a host that shows none for so long is lost, whatever its session does. */
const HEARTBEAT = 5_000;
const LEASE = 15_000;
/** ms between looks after jobs and other hosts: a scheduled job starts at most about this late. */
const LOOK = 800;
/** The same where no notification arrives, and a look is all that there is. */
const LOOK_UNTOLD = 500;
/** ms that a lock must stay free, without a sign of life, before its host is lost; and until the second look at one. */
const GRACE = 500;
const SECOND_LOOK = GRACE + 20;
/** Jobs that become available at a time. */
const BATCH = 5_000;
/**
 * After the database was away, all locks are free and all signs of life old, though every host lives: for the length of a lease
 * nobody is judged by his, and who has shown no life since then gets this many ms to take his lock again.
 */
const PATIENT_GRACE = 5_000;
const ENDLESS = 1e12;

export interface LifelineOptions {
  readonly engine: Engine;
  readonly telemetry: Telemetry;
  /** What this host registers as. */
  readonly name: string;
  readonly queues: Readonly<Record<string, number>>;
  readonly workers: readonly string[];
  readonly version: string;
  /** The lock that this host's listening session holds now; null where it holds none, and its lease alone counts. */
  readonly lockKey: () => string | null;
  /** Called when others declared this host lost: what it runs is theirs now. */
  readonly onLost: () => void;
  /** Called with each of its queues that has jobs: whatever notification was lost, it is not missed for long. */
  readonly onJobs: (queue: string) => void;
  readonly polling: () => boolean;
}

/**
 * Keeps this host alive in the eyes of the others, and looks after what is everybody's: hosts that are gone, and jobs whose time
 * has come. A host lives while it shows signs of life, or its session does; jobs are taken from dead hosts only, never for being
 * old. Every host looks, in one statement each time; they pass over each other's rows, so that no one of them is needed.
 */
export class Lifeline {
  readonly #options: LifelineOptions;
  readonly #periodic: Periodic;
  #shownAt = 0;
  /** When this host was new, and when the database was away last: the others get time to come back, as this one has had to. */
  #newAt = 0;
  #awayAt = Number.NEGATIVE_INFINITY;
  /** Looks that have failed in a row. */
  #failures = 0;
  #shownLock: string | null = null;
  #peers: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(options: LifelineOptions) {
    this.#options = options;
    const { telemetry } = options;
    this.#periodic = new Periodic({ name: "lifeline", interval: LOOK, work: () => this.#look(), telemetry });
  }

  /** Registers the host. Only after this it may claim. */
  async start(): Promise<void> {
    await this.#register();
    this.#newAt = performance.now();
    this.#periodic.start();
  }

  /** There was a gap, in which others may have begun to doubt: shows life, and the lock, now. */
  hurry(): void {
    this.#shownAt = Number.NEGATIVE_INFINITY;
    this.#periodic.hurry();
  }

  /** The ids of the live hosts that serve a queue with the same workers as this one, its own included; null while unknown. */
  peers(queue: string): readonly string[] | null {
    return this.#peers.get(queue) ?? null;
  }

  /** Ends looking and showing; the host stays registered until {@link leave}. */
  stop(): Promise<void> {
    return this.#periodic.stop();
  }

  /** Takes the host off the list, once it holds no jobs any more. */
  async leave(): Promise<void> {
    await this.#options.engine.unregister();
  }

  async #register(): Promise<void> {
    const { engine, name, queues, workers, version, lockKey } = this.#options;
    this.#shownLock = lockKey();
    await engine.register(name, queues, version, this.#shownLock, workers);
    this.#shownAt = performance.now();
  }

  async #look(): Promise<number | undefined> {
    const { engine, lockKey, queues, onJobs, polling, telemetry } = this.#options;
    try {
      if (this.#failures > 0) await this.#showLife();
      // A lock lost, or had again, is told at once: others judge by it.
      if (performance.now() - this.#shownAt > HEARTBEAT || lockKey() !== this.#shownLock) await this.#showLife();
      const {
        staged,
        queues: waiting,
        lost,
        suspects,
        peers,
      } = await engine.tend(this.#judgement(), BATCH, Object.keys(queues));
      this.#failures = 0;
      this.#noticePeers(peers);
      if (staged > 0) telemetry.emit("stage", { jobs: staged });
      for (const queue of waiting) onJobs(queue);
      for (const host of lost) await this.#rescue(host);
      if (staged === BATCH) return 0;
      if (suspects) return SECOND_LOOK;
      return polling() ? LOOK_UNTOLD : undefined;
    } catch (error) {
      this.#failures += 1;
      // One failure may be one connection's; so it looks again at once. Two are the database's, or the way to it.
      if (this.#failures === 1) this.#periodic.hurry();
      else this.#awayAt = performance.now();
      throw error;
    }
  }

  /** Keeps the lists of queues whose hosts are the same: ranks are remembered by them. */
  #noticePeers(peers: Tended["peers"]): void {
    this.#peers = new Map(
      Object.entries(peers).map(([queue, ids]) => {
        const before = this.#peers.get(queue);
        return [queue, before?.join() === ids.join() ? before : ids];
      }),
    );
  }

  #judgement(): Judgement {
    const now = performance.now();
    const back = now - this.#awayAt;
    const lease = Math.min(now - this.#newAt, back) > LEASE ? LEASE : ENDLESS;
    const since = back > LEASE ? ENDLESS : back;
    return { lease, grace: GRACE, since, patientGrace: PATIENT_GRACE };
  }

  async #showLife(): Promise<void> {
    const { engine, lockKey, onLost, telemetry } = this.#options;
    const lock = lockKey();
    if (await engine.heartbeat(lock)) {
      this.#shownLock = lock;
      this.#shownAt = performance.now();
      return;
    }
    onLost();
    await this.#register();
    telemetry.emit("host:lost", { host: engine.host });
  }

  async #rescue(host: string): Promise<void> {
    const { engine, telemetry } = this.#options;
    const lost = `Host ${host} was lost while it ran this job`;
    const { jobs, discarded, quarantined } = await engine.rescue(
      host,
      verdict(new HostLostError(`${lost}, and no attempt is left`), `HostLostError: ${lost}`),
      verdict(
        new QuarantinedError(`${lost}, and ${QUARANTINED_AT} processes have died with it: it will not run again`),
      ),
      QUARANTINED_AT,
    );
    telemetry.emit("rescue", { host, jobs, discarded });
    for (const id of quarantined) telemetry.emit("quarantine", { id });
  }
}

/** What awaiters are told, and the row's history: without our own stack, which says nothing about the job. */
function verdict(error: Error, text = `${error.name}: ${error.message}`): Verdict {
  error.stack = `${error.name}: ${error.message}`;
  return { answer: answerWith(ANSWER_KINDS.exhausted, packException(error)), error: text };
}

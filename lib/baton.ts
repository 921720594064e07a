import { InsideThreadError, NotStartedError, StoppedError } from "./errors.js";
import type { Runner, RunnerStatus } from "./runner/runner.js";
import { Host } from "./host.js";
import { checkJob, checkJobs } from "./job/checked-job.js";
import type { NewJob } from "./job/new-job.js";
import type { JobRow } from "./job/job.js";
import type { NotifierMode } from "./notifier.js";
import { type BatonOptions, type CheckedOptions, checkOptions } from "./options.js";
import type { QueueCount } from "./engine/engine.js";
import { databaseError } from "./postgres/failure.js";
import type { JobFilter } from "./engine/filter.js";
import { scanJobs } from "./engine/scan.js";
import { type AwaitOptions, checkAwaitOptions } from "./relay/awaiter.js";
import type { Relay } from "./relay/relay.js";
import type { AwaitResult } from "./relay/result.js";
import { Telemetry, type TelemetryEvent } from "./telemetry.js";
import { insideThread } from "./thread/inside.js";
import { unwrap } from "./relay/unwrap.js";

/** The results of `awaitMany`, each typed by its relay: tuple in, tuple out. */
export type AwaitResults<Relays extends readonly Relay[]> = {
  -readonly [Index in keyof Relays]: Relays[Index] extends Relay<infer Result> ? AwaitResult<Result> : never;
};

/** The relays of `asyncMany`, each typed by its job. */
export type RelaysOf<Jobs extends readonly NewJob[]> = {
  -readonly [Index in keyof Jobs]: Jobs[Index] extends NewJob<infer Result> ? Relay<Result> : never;
};

/** A job that was inserted. */
export interface InsertedJob {
  readonly id: number;
  readonly worker: string;
  readonly queue: string;
}

/** ms that a stop waits for a start under way before it cuts the start short. */
const START_PATIENCE = 5_000;

/** What `status()` tells. */
export interface BatonStatus {
  readonly name: string;
  /** The id of this run; null when it is not started. */
  readonly host: string | null;
  readonly state: "idle" | "starting" | "started" | "stopping" | "stopped";
  /** Whether results come over NOTIFY, or by polling because LISTEN does not work. */
  readonly notifier: NotifierMode;
  /** What this host runs now, by queue; empty without queues. */
  readonly queues: RunnerStatus["queues"];
  /**
   * Its threads, how many are busy, and how many of these were told to end and have not yet. A job in a process of its own
   * counts as a busy thread.
   */
  readonly threads: RunnerStatus["threads"];
  /** Jobs in any queue that no live host can run, by queue and worker; looked for every 10 s by instances with queues. */
  readonly unserved: RunnerStatus["unserved"];
  /** Outcomes that wait to be written: while there are many, it claims no jobs. */
  readonly unwritten: number;
  /** Relays that are being awaited, and those whose slot is held. */
  readonly relays: { readonly awaited: number; readonly held: number };
  /** How often each telemetry event happened since the start. */
  readonly events: Partial<Record<TelemetryEvent, number>>;
}

/**
 * A host: inserts jobs, awaits their results, and, where it has queues, runs jobs in threads.
 *
 * ```ts
 * const baton = await new Baton({ connection: process.env.DATABASE_URL, queues: { default: 4 }, workers: [Double] }).start();
 * const four = await baton.call(Double.new({ int: 2 }));
 * await baton.stop();
 * ```
 *
 * The constructor throws `InvalidOptionError`, and connects to nothing.
 */
export class Baton {
  readonly #options: CheckedOptions;
  #telemetry: Telemetry;
  #host: Host | undefined;
  /** The host that a start under way brings up. */
  #starting: Host | undefined;
  /** The runner of the last host, which may have left threads behind that have not ended. */
  #lastRunner: Runner | undefined;
  #state: BatonStatus["state"] = "idle";
  /** Settles with the last start or stop that was called: they follow each other. Never rejects. */
  #lastCall: Promise<void> = Promise.resolve();

  constructor(options: BatonOptions) {
    this.#options = checkOptions(options);
    this.#telemetry = new Telemetry(this.#options.name);
  }

  /**
   * Connects, brings the schema up to date, tests whether notifications arrive, and starts the host if there are queues.
   * Resolves to this instance. Idempotent; works again after `stop`. Indexes that an upgrade adds to a large table are built
   * concurrently, and not waited for.
   *
   * Rejects with `DatabaseError`; with `InsideThreadError` in one of Baton's own threads; with `BundledError` if there are
   * queues and `pg-baton` is in a bundle; with `StoppedError` if `stop` cuts it short.
   */
  async start(): Promise<this> {
    if (insideThread()) throw new InsideThreadError();
    await this.#inOrder(() => this.#start());
    return this;
  }

  /**
   * Claims no more, lets running jobs end within `shutdownGracePeriod`, gives back the rest, writes every outcome, rejects
   * open awaits with `StoppedError` and closes all connections. Idempotent, and legal at any time: a start under way gets 5 s.
   *
   * Resolves within the grace period and about a second, whatever the threads do, and up to about 8 s later while the
   * database does not answer. An interrupted job loses no attempt up to the fourth stop in a row; from the fifth on it does.
   *
   * A thread in native code (`pbkdf2Sync`, `execSync`) cannot be ended. Its job goes back all the same, so another host may
   * run it meanwhile; its outcome is never written, and `status().threads.ending` counts the thread. Node joins such threads
   * before the process ends, also in `process.exit()`; only a signal without a handler ends it at once.
   */
  async stop(): Promise<void> {
    const cut = setTimeout(() => void this.#starting?.stop(), START_PATIENCE);
    await this.#inOrder(() => {
      clearTimeout(cut);
      return this.#stop();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /**
   * Inserts a job to be awaited. When it resolves, the job is committed. Rejects with `InvalidJobError`, and then nothing was
   * inserted, or with `DatabaseError`.
   */
  async async<Result>(job: NewJob<Result>): Promise<Relay<Result>> {
    const [relay] = await this.#startedHost("insert").inserter.insertAwaited([checkJob(job)]);
    return relay as Relay<Result>;
  }

  /**
   * Inserts jobs to be awaited, all in one statement or none. One relay each, in their order. At most 100,000 jobs, with at
   * most 64 Mi characters of args and meta. Rejects like {@link async}.
   */
  async asyncMany<const Jobs extends readonly NewJob[]>(jobs: Jobs): Promise<RelaysOf<Jobs>> {
    const relays = await this.#startedHost("insert").inserter.insertAwaited(checkJobs(jobs));
    return relays as RelaysOf<Jobs>;
  }

  /** Inserts a job that nobody will await. */
  async insert(job: NewJob): Promise<InsertedJob> {
    const [inserted] = await this.insertMany([job]);
    return inserted as InsertedJob;
  }

  /** Inserts jobs that nobody will await, all in one statement or none. Limits and errors are those of {@link asyncMany}. */
  async insertMany(jobs: readonly NewJob[]): Promise<InsertedJob[]> {
    const relays = await this.#startedHost("insert").inserter.insert(checkJobs(jobs));
    return relays.map(({ job }) => job);
  }

  /**
   * The job's first outcome, or with `withRetries` its final one. A job's fate is never thrown: it is `ok: false` with an
   * `error`, also where the time is over. Any instance on the same database can await any relay, as often as it likes.
   *
   * @param options ms, default 5,000, Infinity allowed; or {@link AwaitOptions}.
   */
  async await<Result>(relay: Relay<Result>, options?: number | AwaitOptions): Promise<AwaitResult<Result>> {
    // Returned rather than awaited: thousands of awaits may be open, and the frame of a function
    // that waits takes a fifth of the memory of each.
    return this.#startedHost("await").relays.await(relay, options) as Promise<AwaitResult<Result>>;
  }

  /** The outcomes of many relays, in their order, under one deadline: those in time keep their values. */
  async awaitMany<const Relays extends readonly Relay[]>(
    relays: Relays,
    options?: number | AwaitOptions,
  ): Promise<AwaitResults<Relays>> {
    const results = await this.#startedHost("await").relays.awaitMany(relays, options);
    return results as AwaitResults<Relays>;
  }

  /**
   * Inserts a job, awaits it and returns its value. Throws the job's own error, or `JobDiscardedError`, `JobCancelledError`,
   * `JobSnoozedError`, `ResultTooLargeError`, `AwaitTimeoutError`. Takes what `await` takes.
   */
  async call<Result>(job: NewJob<Result>, options?: number | AwaitOptions): Promise<Result> {
    // Checked before the insert: a call that cannot wait must not leave a job behind.
    checkAwaitOptions(options).signal?.throwIfAborted();
    const relay = await this.async(job);
    return unwrap(relay, await this.await(relay, options));
  }

  /**
   * Lists jobs by id, any number in constant memory: `for await (const job of baton.jobs({ state: "discarded" }))`.
   *
   * A listing is no snapshot. It reads page after page, up to the last id that there is when it begins, and shows each job once,
   * as it is when its page is read. A loop body may take as long as it likes: no connection and no transaction waits for it.
   * The loop throws `InvalidOptionError`, `DatabaseError`, `NotStartedError` or `StoppedError`; calling this never does.
   */
  async *jobs(filter: JobFilter = {}): AsyncGenerator<JobRow, void, void> {
    yield* scanJobs(this.#startedHost("list jobs").database, this.#options.prefix, filter);
  }

  /** How many unfinished jobs there are in the table, by queue and state. Counts rows. Rejects with `DatabaseError`. */
  async counts(): Promise<QueueCount[]> {
    try {
      return await this.#startedHost("count jobs").engine.counts();
    } catch (error) {
      throw databaseError("The jobs were not counted", error);
    }
  }

  /** How this instance is doing, as one plain object. Asks nothing of the database. */
  status(): BatonStatus {
    const host = this.#host;
    return {
      name: this.#options.name,
      host: host?.id ?? null,
      state: this.#state,
      notifier: host?.notifier.mode ?? "polling",
      ...(host?.runner?.status() ?? noRunner(this.#lastRunner?.ending ?? 0)),
      relays: host?.relays.status() ?? { awaited: 0, held: 0 },
      events: this.#telemetry.counts(),
    };
  }

  #inOrder(work: () => Promise<void>): Promise<void> {
    const done = this.#lastCall.then(work);
    this.#lastCall = done.catch(() => {});
    return done;
  }

  async #start(): Promise<void> {
    if (this.#host !== undefined) return;
    this.#state = "starting";
    this.#telemetry = new Telemetry(this.#options.name);
    const host = new Host(this.#options, this.#telemetry);
    this.#starting = host;
    try {
      await host.start();
      this.#host = host;
      this.#state = "started";
    } catch (error) {
      this.#state = "idle";
      throw error;
    } finally {
      this.#starting = undefined;
    }
  }

  async #stop(): Promise<void> {
    if (this.#host === undefined) return;
    this.#state = "stopping";
    await this.#host.stop();
    this.#lastRunner = this.#host.runner;
    this.#host = undefined;
    this.#state = "stopped";
  }

  #startedHost(call: string): Host {
    if (this.#host !== undefined && this.#state === "started") return this.#host;
    if (this.#state === "stopping" || this.#state === "stopped") throw new StoppedError(call);
    throw new NotStartedError(call);
  }
}

/** The status without a runner. `ending` threads of the last one may not have ended. */
function noRunner(ending: number): RunnerStatus {
  return { queues: [], threads: { size: ending, busy: ending, ending }, unserved: [], unwritten: 0 };
}

import { InsideThreadError, NotStartedError, StoppedError } from "./errors.js";
import type { Runner } from "./runner/runner.js";
import type { RunnerStatus } from "./runner/status.js";
import type { BatonStatus } from "./status.js";
import { Host } from "./host.js";
import { checkJob, checkJobs } from "./job/checked-job.js";
import type { NewJob } from "./job/new-job.js";
import type { JobRow } from "./job/job.js";
import { type BatonOptions, type CheckedOptions, checkOptions } from "./options.js";
import type { QueueCount } from "./engine/counts.js";
import { databaseError } from "./postgres/failure.js";
import type { JobFilter } from "./engine/filter.js";
import { scanJobs } from "./engine/scan.js";
import { type AwaitOptions, checkAwaitOptions } from "./relay/awaiter.js";
import type { Relay } from "./relay/relay.js";
import type { AwaitResult } from "./relay/result.js";
import { Telemetry } from "./telemetry.js";
import { insideThread } from "./thread/inside.js";
import { unwrap } from "./relay/unwrap.js";

/**
 * The results of `awaitMany`: a tuple of relays gives a tuple of results, each typed by its relay.
 */
export type AwaitResults<Relays extends readonly Relay[]> = {
  -readonly [Index in keyof Relays]: Relays[Index] extends Relay<infer Result> ? AwaitResult<Result> : never;
};

/** The relays of `asyncMany`: a tuple of jobs gives a tuple of relays, each typed by its job. */
export type RelaysOf<Jobs extends readonly NewJob[]> = {
  -readonly [Index in keyof Jobs]: Jobs[Index] extends NewJob<infer Result> ? Relay<Result> : never;
};

/** A job that `insert` or `insertMany` inserted. */
export interface InsertedJob {
  /** The id of its row. */
  readonly id: number;
  /** The name of its worker. */
  readonly worker: string;
  /** The queue that it waits in. */
  readonly queue: string;
}

/** How long in ms `stop` lets a start under way finish before it aborts the start. */
const START_PATIENCE = 5_000;

/**
 * A host: it inserts jobs, awaits their results and, if it has queues, runs jobs in threads.
 *
 * @example
 * ```ts
 * import { Baton } from "pg-baton";
 * import Double from "./workers/double.js";
 *
 * const baton = new Baton({
 *   connection: process.env.DATABASE_URL,
 *   queues: { default: 4 },
 *   workers: [Double],
 * });
 * await baton.start();
 * console.log(await baton.call(Double.new({ int: 2 }))); // 4
 * await baton.stop();
 * ```
 */
export class Baton {
  readonly #options: CheckedOptions;
  #telemetry: Telemetry;
  #host: Host | undefined;
  /** The host of the start under way, if any. */
  #starting: Host | undefined;
  /** The runner of the last host. Threads in native code may outlive it. */
  #lastRunner: Runner | undefined;
  #state: BatonStatus["state"] = "idle";
  /** Settles with the last call of `start` or `stop`: they follow one another. Never rejects. */
  #lastCall: Promise<void> = Promise.resolve();

  /**
   * Validates the options. Connects to nothing until {@link start}.
   *
   * @throws {@link InvalidOptionError} for the first option that is missing, unknown or invalid.
   */
  constructor(options: BatonOptions) {
    this.#options = checkOptions(options);
    this.#telemetry = new Telemetry(this.#options.name);
  }

  /**
   * Connects, creates or upgrades the schema, tests whether notifications arrive and, if there are
   * queues, begins to run jobs. Resolves to this Baton.
   *
   * Idempotent, and possible again after {@link stop}. Indexes that an upgrade adds to a large
   * table are built concurrently; `start` does not wait for them.
   *
   * @throws {@link DatabaseError} if the database cannot be used.
   * @throws {@link StoppedError} if `stop` aborts the start.
   * @throws {@link InsideThreadError} inside one of Baton's own threads.
   * @throws {@link BundledError} if there are queues and `pg-baton` is part of a bundle.
   */
  async start(): Promise<this> {
    if (insideThread()) throw new InsideThreadError();
    await this.#inOrder(() => this.#start());
    return this;
  }

  /**
   * Stops: claims no more jobs, lets running jobs end within `shutdownGracePeriod`, gives
   * back the rest, writes every outcome, rejects open awaits with {@link StoppedError}
   * and closes all connections.
   *
   * Idempotent, and possible at any time: a start under way gets 5 s to finish. Resolves about a
   * second after the grace period at the latest, whatever the threads do; if the database does not
   * answer, up to about 8 s later. An interruption costs a job no attempt, up to four in a row;
   * from the fifth on, each does.
   *
   * Node cannot end a thread in native code (`pbkdf2Sync`, `execSync`). The job goes back to the
   * queue all the same: another host may run it meanwhile, and its outcome here is dropped.
   * `status().threads.ending` counts such threads. The process cannot exit before they end, not
   * even by `process.exit()`; only a signal without a handler ends it at once.
   */
  async stop(): Promise<void> {
    const cut = setTimeout(() => void this.#starting?.stop(), START_PATIENCE);
    await this.#inOrder(() => {
      clearTimeout(cut);
      return this.#stop();
    });
  }

  /** Stops, as {@link stop} does, at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /**
   * Inserts a job to be awaited. Resolves to its relay once the job is committed.
   *
   * @throws {@link InvalidJobError} if the job is invalid. Nothing was inserted.
   * @throws {@link DatabaseError} if the insert failed.
   * @throws {@link NotStartedError} or {@link StoppedError} if the host is not started.
   */
  async async<Result>(job: NewJob<Result>): Promise<Relay<Result>> {
    const [relay] = await this.#startedHost("insert").inserter.insertAwaited([checkJob(job)]);
    return relay as Relay<Result>;
  }

  /**
   * Inserts jobs to be awaited, in one statement: all of them or none. Resolves
   * to their relays, in order.
   *
   * At most 100,000 jobs, with at most 64 Mi characters of args and meta.
   *
   * @throws The same errors as {@link async}.
   */
  async asyncMany<const Jobs extends readonly NewJob[]>(jobs: Jobs): Promise<RelaysOf<Jobs>> {
    const relays = await this.#startedHost("insert").inserter.insertAwaited(checkJobs(jobs));
    return relays as RelaysOf<Jobs>;
  }

  /**
   * Inserts a job without a relay, for work whose result nobody awaits.
   *
   * @throws The same errors as {@link async}.
   */
  async insert(job: NewJob): Promise<InsertedJob> {
    const [inserted] = await this.insertMany([job]);
    return inserted as InsertedJob;
  }

  /**
   * Inserts jobs without relays, in one statement: all of them or none. Resolves in order.
   *
   * The limits are those of {@link asyncMany}.
   *
   * @throws The same errors as {@link async}.
   */
  async insertMany(jobs: readonly NewJob[]): Promise<InsertedJob[]> {
    const relays = await this.#startedHost("insert").inserter.insert(checkJobs(jobs));
    return relays.map(({ job }) => job);
  }

  /**
   * Awaits a job. Resolves to its first outcome or, with `withRetries`, to its final one.
   *
   * A failed or late job does not reject the promise: the result is `ok: false` with an `error`.
   * Any host on the same database can await any relay, any number of times.
   *
   * @param options The timeout in ms, by default 5,000; `Infinity` waits for ever. Or
   * {@link AwaitOptions}.
   * @throws {@link InvalidRelayError} or {@link InvalidOptionError} if an argument is invalid.
   * @throws {@link NotStartedError} or {@link StoppedError} if the host is not
   * started, or stops meanwhile.
   * @throws The reason of `signal` if it aborts.
   *
   * @example
   * ```ts
   * const relay = await baton.async(Double.new({ int: 2 }));
   * const result = await baton.await(relay, 10_000);
   * if (result.ok) console.log(result.value);
   * else console.error(result.error, result.reason);
   * ```
   */
  async await<Result>(relay: Relay<Result>, options?: number | AwaitOptions): Promise<AwaitResult<Result>> {
    // Not awaited: thousands of awaits may be open, and the suspended frame of this function would
    // take a fifth of the memory of each.
    return this.#startedHost("await").relays.await(relay, options) as Promise<AwaitResult<Result>>;
  }

  /**
   * Awaits many jobs under one deadline. Resolves to their results, in the order of the relays. A
   * late job's result is `"timeout"`; the others keep theirs.
   *
   * @throws The same errors as {@link await}.
   */
  async awaitMany<const Relays extends readonly Relay[]>(
    relays: Relays,
    options?: number | AwaitOptions,
  ): Promise<AwaitResults<Relays>> {
    const results = await this.#startedHost("await").relays.awaitMany(relays, options);
    return results as AwaitResults<Relays>;
  }

  /**
   * Inserts a job, awaits it and returns its value.
   *
   * @param options As for {@link await}.
   * @throws The error that the job itself threw.
   * @throws {@link AwaitTimeoutError} if the job has no outcome in time. The job goes on.
   * @throws {@link JobDiscardedError}, {@link JobCancelledError} or {@link JobSnoozedError} if
   * `perform` returned `discard()`, `cancel()` or `snooze()`.
   * @throws {@link ResultTooLargeError} if the result exceeds its limit.
   * @throws The errors of {@link async} and {@link await}.
   *
   * @example
   * ```ts
   * const four = await baton.call(Double.new({ int: 2 }), { timeout: 10_000, withRetries: true });
   * ```
   */
  async call<Result>(job: NewJob<Result>, options?: number | AwaitOptions): Promise<Result> {
    // Checked before the insert: a call that cannot wait must not leave a job behind.
    checkAwaitOptions(options).signal?.throwIfAborted();
    const relay = await this.async(job);
    return unwrap(relay, await this.await(relay, options));
  }

  /**
   * Lists jobs in the order of their ids, in constant memory.
   *
   * A listing is not a snapshot: it reads page by page, up to the highest id at its start, and
   * yields each job once, as of the read of its page. The loop body may take any time: no
   * connection or transaction is open meanwhile.
   *
   * Errors are thrown by the loop, not by this call.
   *
   * @throws {@link InvalidOptionError} if the filter is invalid.
   * @throws {@link DatabaseError} if the table cannot be read.
   * @throws {@link NotStartedError} or {@link StoppedError} if the host is not
   * started, or stops meanwhile.
   *
   * @example
   * ```ts
   * for await (const job of baton.jobs({ state: "discarded" })) console.log(job.id, job.errors);
   * ```
   */
  async *jobs(filter: JobFilter = {}): AsyncGenerator<JobRow, void, void> {
    yield* scanJobs(this.#startedHost("list jobs").database, this.#options.prefix, filter);
  }

  /**
   * Counts the unfinished jobs in the table, by queue and state. The cost grows with their number.
   *
   * @throws {@link DatabaseError} if the table cannot be read.
   * @throws {@link NotStartedError} or {@link StoppedError} if the host is not started.
   */
  async counts(): Promise<QueueCount[]> {
    try {
      return await this.#startedHost("count jobs").engine.counts();
    } catch (error) {
      throw databaseError("The jobs were not counted", error);
    }
  }

  /** Returns the state of this host as a plain object. Does not query the database. */
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

/** The status without a runner. `ending` counts threads of the last runner that still run. */
function noRunner(ending: number): RunnerStatus {
  return { queues: [], threads: { size: ending, busy: ending, ending }, unserved: [], unwritten: 0 };
}

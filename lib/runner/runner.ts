import type { Engine } from "../engine/engine.js";
import { insertChannel } from "../engine/fragments.js";
import type { CheckedJob } from "../job/checked-job.js";
import type { Notifier } from "../notifier.js";
import type { Database } from "../postgres/database.js";
import type { CheckedOptions } from "../options.js";
import type { Telemetry } from "../telemetry.js";
import type { AnyWorker } from "../worker.js";
import { Acks } from "./acks.js";
import { readCall } from "./call.js";
import { Capacity } from "./capacity.js";
import { Coverage } from "./coverage.js";
import { Executor } from "./executor.js";
import { Holds } from "./holds.js";
import { Lifeline } from "./lifeline.js";
import { Membership } from "./membership.js";
import { Producer } from "./producer.js";
import { Producers } from "./producers.js";
import { Pruner } from "./pruner.js";
import { Recorder, type RecorderOptions } from "./recorder.js";
import type { Seat } from "./seat.js";
import { endThreads, shutDown } from "./shutdown.js";
import type { RunnerStatus } from "./status.js";
import { Suspects } from "./suspects.js";
import { Isolation } from "./threads/isolation.js";
import { Threads } from "./threads/threads.js";
import { Turns } from "./turns.js";

/** The options of a Baton that concern its runner. */
type BatonPart = Pick<
  CheckedOptions,
  | "name"
  | "prefix"
  | "queues"
  | "workers"
  | "threads"
  | "maxJobsPerThread"
  | "maxThreadAge"
  | "resultLimit"
  | "retention"
  | "shutdownGracePeriod"
  | "delivery"
>;

export interface RunnerOptions extends BatonPart {
  readonly version: string;
  readonly database: Database;
  readonly engine: Engine;
  readonly notifier: Notifier;
  readonly deliver: RecorderOptions["deliver"];
  readonly telemetry: Telemetry;
}

/**
 * The half of a host that runs jobs: its producers, its threads, and the services that keep the
 * table in order. Creates, starts and stops them.
 */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #workers: ReadonlyMap<string, AnyWorker>;
  readonly #threads: Threads;
  readonly #isolation: Isolation;
  readonly #acks: Acks;
  readonly #executor: Executor;
  readonly #producers = new Producers();
  readonly #membership: Membership;
  readonly #lifeline: Lifeline;
  readonly #pruner: Pruner;
  readonly #coverage: Coverage;
  #started = false;
  #stopping: Promise<void> | undefined;

  constructor(options: RunnerOptions) {
    this.#options = options;
    const { engine, telemetry, resultLimit, retention, deliver, delivery } = options;
    const { threads: size, maxJobsPerThread: maxJobs, maxThreadAge: maxAge } = options;
    const workers = new Map(options.workers.map((worker) => [worker.name, worker]));
    const holds = new Holds();
    const producers = this.#producers;
    const onCapacity = (): void => producers.advance();
    this.#workers = workers;
    this.#membership = new Membership({
      ...options,
      queues: Object.fromEntries([...options.queues].map(([queue, { limit }]) => [queue, limit])),
      workers: [...workers.keys()],
      onLost: () => this.#abandon(),
      onCapacity,
    });
    this.#threads = new Threads({ size, resultLimit, telemetry, maxJobs, maxAge });
    this.#isolation = new Isolation(resultLimit, telemetry);
    this.#acks = new Acks({ engine, telemetry, hasBacklog: () => producers.hasBacklog, onCapacity });
    const recorder = new Recorder({ host: engine.host, acks: this.#acks, holds, deliver, delivery, telemetry });
    const suspects = new Suspects({
      isolation: this.#isolation,
      engine,
      survives: (ms) => this.#membership.survives(ms),
      resultLimit,
      telemetry,
    });
    this.#executor = new Executor({ workers, threads: this.#threads, suspects, engine, recorder, telemetry });
    this.#lifeline = new Lifeline({
      engine,
      telemetry,
      membership: this.#membership,
      holds,
      queues: [...options.queues.keys()],
      onJobs: (queue) => producers.of(queue)?.onJobsFound(),
      onStrays: (strays) => {
        for (const stray of strays) void recorder.releaseStray(stray);
      },
      polling: () => options.notifier.mode === "polling",
    });
    this.#pruner = new Pruner(engine, retention, telemetry);
    this.#coverage = new Coverage(engine, telemetry);
    const capacity = new Capacity({
      threads: this.#threads,
      producers,
      acks: this.#acks,
      membership: this.#membership,
    });
    for (const queue of options.queues.keys()) producers.add(this.#producerOf(queue, holds, capacity));
  }

  /** Starts the threads ahead of {@link start}, which rejects if one cannot start. */
  prepare(): void {
    this.#threads.start().catch(() => {});
  }

  async start(): Promise<void> {
    const { notifier, prefix } = this.#options;
    this.#started = true;
    await Promise.all([this.#threads.start(), this.#membership.start()]);
    await notifier.listen(insertChannel(prefix), (payload, sender) => {
      const call = readCall(payload, sender);
      this.#producers.of(call.queue)?.onCall(call);
    });
    notifier.onRestore(() => this.#catchUp());
    for (const service of [this.#lifeline, this.#pruner, this.#coverage, this.#producers]) service.start();
  }

  /** See {@link shutDown}. Idempotent. */
  stop(patience: number): Promise<void> {
    this.#stopping ??= this.#started ? this.#stop(patience) : endThreads(this.#threads);
    return this.#stopping;
  }

  /** How many killed threads have not exited. */
  get ending(): number {
    return this.#threads.ending;
  }

  /** How many jobs are in threads. */
  get running(): number {
    return this.#executor.running;
  }

  /** Wakes the producer of a queue that may have jobs. */
  wake(queue: string): void {
    this.#producers.of(queue)?.wake();
  }

  /** Promises a thread to a job that this process is about to insert; see {@link Producer.seat}. */
  seat({ queue, worker }: CheckedJob): Seat | null {
    return this.#workers.has(worker) ? (this.#producers.of(queue)?.seat() ?? null) : null;
  }

  status(): RunnerStatus {
    const { size, free, ending } = this.#threads;
    return {
      queues: this.#producers.status(),
      // A job in a process of its own takes as much CPU time as a thread, so it counts as one.
      threads: { size, busy: Math.min(size, size - free + this.#isolation.running), ending },
      unserved: this.#coverage.unserved,
      unwritten: this.#acks.pending,
    };
  }

  #producerOf(queue: string, holds: Holds, capacity: Capacity): Producer {
    const { engine, queues, telemetry } = this.#options;
    const { limit, paused } = queues.get(queue) as { limit: number; paused: boolean };
    const turns = new Turns({
      queue,
      host: engine.host,
      peers: () => this.#lifeline.peers(queue),
      send: (payload) => this.#passOn(payload),
    });
    return new Producer({
      queue,
      limit,
      paused,
      engine,
      executor: this.#executor,
      holds,
      capacity,
      turns,
      batchOf: (worker) => this.#workers.get(worker)?.batch ?? 1,
      onCapacity: () => this.#producers.advance(),
      onClaimInDoubt: () => this.#lifeline.compareNow(),
      telemetry,
    });
  }

  /**
   * Sends a call to the other hosts. Not retried: if it is lost, their next looks find the jobs.
   */
  #passOn(payload: string): void {
    const { notifier, prefix, telemetry } = this.#options;
    notifier
      .notify(insertChannel(prefix), payload)
      .catch((error: unknown) => telemetry.emit("service:error", { service: "producer", error }));
  }

  /** Catches up after a gap in notifications: retries, beats, compares and claims at once. */
  #catchUp(): void {
    this.#acks.retryNow();
    this.#membership.beatNow();
    this.#lifeline.compareNow();
    this.#producers.wake();
  }

  #stop(patience: number): Promise<void> {
    const parts = {
      gracePeriod: this.#options.shutdownGracePeriod,
      producers: this.#producers,
      executor: this.#executor,
      threads: this.#threads,
      acks: this.#acks,
      membership: this.#membership,
      lifeline: this.#lifeline,
      pruner: this.#pruner,
      coverage: this.#coverage,
      telemetry: this.#options.telemetry,
    };
    return shutDown(parts, patience);
  }

  /**
   * Gives up all jobs, which other hosts have now: forgets those that wait, and kills those that
   * run. The fence refuses late outcomes.
   */
  #abandon(): void {
    this.#producers.forget();
    void this.#executor.kill({ type: "released" });
  }
}

import type { ClaimedJob } from "../job/job.js";
import type { Database } from "../postgres/database.js";
import type { Engine } from "../engine/engine.js";
import { insertChannel } from "../engine/fragments.js";
import type { Notifier } from "../notifier.js";
import type { Telemetry } from "../telemetry.js";
import type { AnyWorker } from "../worker.js";
import { Acks } from "./acks.js";
import { Coverage } from "./coverage.js";
import { Deadline } from "../deadline.js";
import { Executor, type ExecutorOptions } from "./executor.js";
import { Holds, type Opening } from "./holds.js";
import { Isolation } from "./threads/isolation.js";
import { Lifeline } from "./lifeline.js";
import { Membership } from "./membership.js";
import { Producer } from "./producer.js";
import { Pruner } from "./pruner.js";
import type { RunnerStatus } from "./status.js";
import { Suspects } from "./suspects.js";
import { Threads } from "./threads/threads.js";
import { readCall, Turns } from "./turns.js";

/** How one queue is run on a host. */
export interface QueueOptions {
  readonly limit: number;
  readonly paused: boolean;
}

export interface RunnerOptions {
  readonly name: string;
  readonly prefix: string;
  readonly version: string;
  readonly queues: ReadonlyMap<string, QueueOptions>;
  readonly workers: readonly AnyWorker[];
  readonly threads: number;
  readonly maxJobsPerThread: number;
  readonly maxThreadAge: number;
  readonly resultLimit: number;
  readonly retention: number;
  /** ms that running jobs get to end when the host stops. */
  readonly shutdownGracePeriod: number;
  readonly database: Database;
  readonly engine: Engine;
  readonly notifier: Notifier;
  readonly deliver: ExecutorOptions["deliver"];
  readonly delivery: ExecutorOptions["delivery"];
  readonly telemetry: Telemetry;
}

/** ms that jobs get to heed their signal, after the grace period, before their threads are ended. */
const LAST_CALL = 250;
/** ms that ended threads get to exit, and once more when the jobs in those that have not are given back. Native code does not end. */
const LAST_KILL = 400;
const LAST_EXIT = 250;
/** ms that the last writes get at the least; where the database is away for longer, others rescue the jobs. */
const LAST_WRITES = 500;

/** The side of an instance that runs jobs: its producers, its threads, and the services that keep the table in order. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #workers: ReadonlyMap<string, AnyWorker>;
  readonly #threads: Threads;
  readonly #isolation: Isolation;
  readonly #acks: Acks;
  readonly #executor: Executor;
  readonly #producers = new Map<string, Producer>();
  readonly #holds = new Holds();
  readonly #membership: Membership;
  readonly #lifeline: Lifeline;
  readonly #pruner: Pruner;
  readonly #coverage: Coverage;
  #started = false;
  #turn = 0;
  #stopping: Promise<void> | undefined;

  constructor(options: RunnerOptions) {
    this.#options = options;
    const { engine, telemetry, resultLimit, retention, deliver, delivery } = options;
    const workers = new Map(options.workers.map((worker) => [worker.name, worker]));
    this.#workers = workers;
    this.#membership = new Membership({
      ...options,
      queues: Object.fromEntries([...options.queues].map(([queue, { limit }]) => [queue, limit])),
      workers: [...workers.keys()],
      onLost: () => this.#abandon(),
      onFresh: () => this.#advanceAll(),
    });
    const { threads: size, maxJobsPerThread: maxJobs, maxThreadAge: maxAge } = options;
    this.#threads = new Threads({ size, resultLimit, telemetry, maxJobs, maxAge });
    this.#isolation = new Isolation(resultLimit, telemetry);
    this.#acks = new Acks({
      engine,
      telemetry,
      // While more jobs wait here, fewer and larger writes leave more time to them.
      leisurely: () => this.#backlog,
      onEased: () => this.#advanceAll(),
    });
    this.#executor = new Executor({
      workers,
      threads: this.#threads,
      suspects: new Suspects({
        isolation: this.#isolation,
        engine,
        survives: (ms) => this.#membership.survives(ms),
        resultLimit,
        telemetry,
      }),
      holds: this.#holds,
      engine,
      acks: this.#acks,
      deliver,
      delivery,
      telemetry,
    });
    for (const [queue, { limit, paused }] of options.queues)
      this.#producers.set(queue, this.#produce(queue, limit, paused));
    this.#lifeline = new Lifeline({
      engine,
      telemetry,
      membership: this.#membership,
      holds: this.#holds,
      queues: [...options.queues.keys()],
      onJobs: (queue) => this.#producers.get(queue)?.found(),
      onStrays: (strays) => {
        for (const stray of strays) void this.#executor.giveBack(stray);
      },
      polling: () => options.notifier.mode === "polling",
    });
    this.#pruner = new Pruner(engine, retention, telemetry);
    this.#coverage = new Coverage(engine, telemetry);
  }

  /** Has the threads start already. What comes of it is told by {@link start}. */
  prepare(): void {
    this.#threads.start().catch(() => {});
  }

  async start(): Promise<void> {
    const { notifier, prefix } = this.#options;
    this.#started = true;
    await Promise.all([this.#threads.start(), this.#membership.start()]);
    await notifier.listen(insertChannel(prefix), (payload, sender) => {
      const call = readCall(payload, sender);
      this.#producers.get(call.queue)?.answer(call);
    });
    notifier.onRestore(() => {
      this.#acks.retryNow();
      this.#membership.beatNow();
      this.#lifeline.doubt();
      for (const producer of this.#producers.values()) producer.wake();
    });
    for (const service of [this.#lifeline, this.#pruner, this.#coverage, ...this.#producers.values()]) service.start();
  }

  /**
   * Claims no more, lets running jobs end within the grace period, then interrupts them and gives them back. Resolves when
   * every outcome is written, or the database has been away for `patience` ms; never later than that and about a second after
   * the grace period, whatever the threads do. Idempotent.
   */
  stop(patience: number): Promise<void> {
    this.#stopping ??= this.#started ? this.#stop(patience) : this.#endThreads();
    return this.#stopping;
  }

  /** How many threads were told to end and have not. */
  get ending(): number {
    return this.#threads.ending;
  }

  /** A queue may have jobs. */
  wake(queue: string): void {
    this.#producers.get(queue)?.wake();
  }

  /** Promises a thread to a job about to be inserted here; see {@link Producer.reserve}. */
  reserve(queue: string, worker: string): boolean {
    return this.#workers.has(worker) && (this.#producers.get(queue)?.reserve() ?? false);
  }

  /** An insert that may claim for this host is about to be sent; {@link settleReservation} takes what comes of it. */
  open(): Opening {
    return this.#holds.open();
  }

  /** Its reply has come, or is given up, and every reservation of it is settled. */
  settle(opening: Opening): void {
    this.#holds.settle(opening);
  }

  /** Keeps the promise, or takes it back where there is no job. */
  settleReservation(queue: string, job: ClaimedJob | null): void {
    const producer = this.#producers.get(queue);
    if (job === null) return producer?.unreserve();
    this.#holds.take(job);
    producer?.runReserved(job);
  }

  /** How many jobs run. */
  get running(): number {
    return this.#executor.running;
  }

  status(): RunnerStatus {
    const { size, free, ending } = this.#threads;
    return {
      queues: [...this.#producers.values()].map(({ queue, running, waiting }) => ({ queue, running, waiting })),
      // A job in a process of its own keeps a thread's place, as it takes as much of the machine.
      threads: { size, busy: Math.min(size, size - free + this.#isolation.running), ending },
      unserved: this.#coverage.unserved,
      unwritten: this.#acks.pending,
    };
  }

  get #backlog(): boolean {
    for (const { waiting } of this.#producers.values()) if (waiting > 0) return true;
    return false;
  }

  #produce(queue: string, limit: number, paused: boolean): Producer {
    const { engine, telemetry } = this.#options;
    const turns = new Turns({
      queue,
      host: engine.host,
      peers: () => this.#lifeline.peers(queue),
      send: (payload) => this.#call(payload),
    });
    const capacity = this.#capacity();
    const batchOf = (worker: string) => this.#workers.get(worker)?.batch ?? 1;
    const onFree = () => this.#advanceAll();
    return new Producer({
      queue,
      limit,
      paused,
      engine,
      executor: this.#executor,
      holds: this.#holds,
      capacity,
      turns,
      batchOf,
      onFree,
      onDoubt: () => this.#lifeline.doubt(),
      telemetry,
    });
  }

  /** Not waited for, and not tried again: what nobody hears is found at the next look. */
  #call(payload: string): void {
    const { notifier, prefix, telemetry } = this.#options;
    notifier
      .notify(insertChannel(prefix), payload)
      .catch((error: unknown) => telemetry.emit("service:error", { service: "producer", error }));
  }

  #capacity() {
    const threads = this.#threads;
    const producers = this.#producers;
    const acks = this.#acks;
    const membership = this.#membership;
    return {
      size: this.#options.threads,
      get free() {
        let taken = 0;
        for (const { running } of producers.values()) taken += running;
        return threads.size - taken;
      },
      get closed() {
        return acks.clogged || !membership.fresh;
      },
    };
  }

  /** Each queue is first in turn, so that none takes every thread that comes free. */
  #advanceAll(): void {
    const producers = [...this.#producers.values()];
    this.#turn = (this.#turn + 1) % producers.length;
    for (let at = 0; at < producers.length; at += 1) producers[(this.#turn + at) % producers.length]?.advance();
  }

  async #stop(patience: number): Promise<void> {
    this.#membership.resign();
    // A claim under way may wait for the database, which is no affair of the jobs that run.
    const quiet = Promise.all(
      [this.#pruner, this.#coverage, ...this.#producers.values()].map((service) => service.stop()),
    );
    await this.#settle();
    this.#executor.stop();
    const deadline = new Deadline(Math.max(patience, LAST_WRITES));
    await deadline.within(quiet);
    await this.#acks.close(deadline.left);
    for (const producer of this.#producers.values()) producer.leave();
    await this.#leave(deadline);
    await this.#endThreads();
  }

  /** A host that cannot sign off is found gone by the others. */
  async #leave(deadline: Deadline): Promise<void> {
    try {
      if (await deadline.within(this.#lifeline.stop())) await deadline.within(this.#membership.leave());
    } catch (error) {
      this.#options.telemetry.emit("service:error", { service: "membership", error });
    }
    await this.#membership.stop();
  }

  async #settle(): Promise<void> {
    if (await this.#idleWithin(this.#options.shutdownGracePeriod)) return;
    this.#executor.abort("The host stops");
    if (await this.#idleWithin(LAST_CALL)) return;
    void this.#executor.kill({ type: "interrupted" });
    if (!(await this.#idleWithin(LAST_KILL))) this.#executor.disown();
  }

  #idleWithin(ms: number): Promise<boolean> {
    return new Deadline(ms).within(this.#executor.idle());
  }

  async #endThreads(): Promise<void> {
    if (!(await new Deadline(LAST_EXIT).within(this.#threads.stop()))) this.#threads.unref();
  }

  /** Others have this host's jobs: what it holds is forgotten, what it runs is ended. Late outcomes meet the fence. */
  #abandon(): void {
    for (const producer of this.#producers.values()) producer.forget();
    void this.#executor.kill({ type: "released" });
  }
}

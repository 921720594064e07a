import { setTimeout as sleep } from "node:timers/promises";
import type { ClaimedJob } from "../job/job.js";
import type { Engine } from "../postgres/engine.js";
import { insertChannel } from "../postgres/fragments.js";
import type { Notifier } from "../notifier.js";
import type { Unserved } from "../postgres/serving.js";
import type { Telemetry } from "../telemetry.js";
import type { AnyWorker } from "../worker.js";
import { Acks } from "./acks.js";
import { Coverage } from "./coverage.js";
import { Executor, type ExecutorOptions } from "./executor.js";
import { Isolation } from "./isolation.js";
import { Lifeline } from "./lifeline.js";
import { Producer } from "./producer.js";
import { Pruner } from "./pruner.js";
import { Threads } from "./threads.js";
import { readCall, Turns } from "./turns.js";

/** How one queue is run on a host. */
export interface QueueOptions {
  readonly limit: number;
  readonly paused: boolean;
}

export interface HostOptions {
  readonly name: string;
  readonly prefix: string;
  readonly version: string;
  readonly queues: ReadonlyMap<string, QueueOptions>;
  readonly workers: readonly AnyWorker[];
  readonly threads: number;
  readonly resultLimit: number;
  readonly retention: number;
  /** ms that running jobs get to end when the host stops. */
  readonly shutdownGracePeriod: number;
  readonly engine: Engine;
  readonly notifier: Notifier;
  readonly lockKey: () => string | null;
  readonly deliver: ExecutorOptions["deliver"];
  readonly delivery: ExecutorOptions["delivery"];
  readonly telemetry: Telemetry;
}

/** How a host is doing. */
export interface HostStatus {
  /** What it runs, by queue: jobs in threads, and claimed ones that wait for a thread. */
  readonly queues: readonly { readonly queue: string; readonly running: number; readonly waiting: number }[];
  /** Its threads; a job in a process of its own keeps one busy. `ending` are those that were told to end and have not, as native code runs on. They are busy until they have. */
  readonly threads: { readonly size: number; readonly busy: number; readonly ending: number };
  /** Jobs in any queue that no live host can run, by queue and worker, as of the last look; there is one every 10 s. */
  readonly unserved: readonly Unserved[];
  /** Outcomes that wait to be written. Nothing is claimed or started while there are many. */
  readonly unwritten: number;
}

/** ms that jobs get to heed their signal, after the grace period, before their threads are ended. */
const LAST_CALL = 250;
/** ms that the last outcomes get to be written; where the database is away for longer, others rescue their jobs. */
const LAST_ACKS = 5_000;

/** The side of an instance that runs jobs: its producers, its threads, and the services that keep the table in order. */
export class Host {
  readonly #options: HostOptions;
  readonly #workers: ReadonlyMap<string, AnyWorker>;
  readonly #threads: Threads;
  readonly #isolation: Isolation;
  readonly #acks: Acks;
  readonly #executor: Executor;
  readonly #producers = new Map<string, Producer>();
  readonly #lifeline: Lifeline;
  readonly #pruner: Pruner;
  readonly #coverage: Coverage;
  #started = false;
  #turn = 0;

  constructor(options: HostOptions) {
    this.#options = options;
    const { engine, telemetry, resultLimit, retention, deliver, delivery } = options;
    const workers = new Map(options.workers.map((worker) => [worker.name, worker]));
    this.#workers = workers;
    this.#threads = new Threads({ size: options.threads, resultLimit, telemetry });
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
      isolation: this.#isolation,
      engine,
      acks: this.#acks,
      deliver,
      delivery,
      telemetry,
    });
    for (const [queue, { limit, paused }] of options.queues)
      this.#producers.set(queue, this.#produce(queue, limit, paused));
    this.#lifeline = new Lifeline({
      ...options,
      queues: Object.fromEntries([...options.queues].map(([queue, { limit }]) => [queue, limit])),
      workers: [...workers.keys()],
      onLost: () => this.#abandon(),
      onJobs: (queue) => this.#producers.get(queue)?.found(),
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
    await Promise.all([this.#threads.start(), this.#lifeline.start()]);
    await notifier.listen(insertChannel(prefix), (payload, sender) => {
      const call = readCall(payload, sender);
      this.#producers.get(call.queue)?.answer(call);
    });
    notifier.onRestore(() => {
      this.#acks.hurry();
      this.#lifeline.hurry();
      for (const producer of this.#producers.values()) producer.doubt();
    });
    for (const service of [this.#pruner, this.#coverage, ...this.#producers.values()]) service.start();
  }

  /**
   * Claims no more, lets running jobs end within the grace period, then interrupts them and gives them back; resolves when
   * every outcome is written, or the database has been away for too long.
   */
  async stop(): Promise<void> {
    const { telemetry } = this.#options;
    if (!this.#started) return this.#threads.stop();
    await Promise.all([this.#pruner, this.#coverage, ...this.#producers.values()].map((service) => service.stop()));
    await this.#settle();
    this.#executor.stop();
    await this.#acks.close(LAST_ACKS);
    await this.#lifeline.stop();
    // A host that cannot sign off is found gone by the others.
    await this.#lifeline
      .leave()
      .catch((error: unknown) => telemetry.emit("service:error", { service: "lifeline", error }));
    await this.#threads.stop();
  }

  /** A queue may have jobs. */
  wake(queue: string): void {
    this.#producers.get(queue)?.wake();
  }

  /** Promises a thread to a job about to be inserted here; see {@link Producer.reserve}. */
  reserve(queue: string, worker: string): boolean {
    return this.#workers.has(worker) && (this.#producers.get(queue)?.reserve() ?? false);
  }

  /** Keeps the promise, or takes it back where there is no job. */
  settleReservation(queue: string, job: ClaimedJob | null): void {
    const producer = this.#producers.get(queue);
    if (job === null) producer?.unreserve();
    else producer?.runReserved(job);
  }

  /** How many jobs run. */
  get running(): number {
    return this.#executor.running;
  }

  status(): HostStatus {
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
      capacity,
      turns,
      batchOf,
      onFree,
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
    return {
      size: this.#options.threads,
      get free() {
        let taken = 0;
        for (const { running } of producers.values()) taken += running;
        return threads.size - taken;
      },
      get clogged() {
        return acks.clogged;
      },
    };
  }

  /** Each queue is first in turn, so that none takes every thread that comes free. */
  #advanceAll(): void {
    const producers = [...this.#producers.values()];
    this.#turn = (this.#turn + 1) % producers.length;
    for (let at = 0; at < producers.length; at += 1) producers[(this.#turn + at) % producers.length]?.advance();
  }

  async #settle(): Promise<void> {
    if (await this.#idleWithin(this.#options.shutdownGracePeriod)) return;
    this.#executor.abort("The host stops");
    if (await this.#idleWithin(LAST_CALL)) return;
    await this.#executor.kill();
  }

  async #idleWithin(ms: number): Promise<boolean> {
    const waiting = new AbortController();
    const timeout = sleep(ms, undefined, { signal: waiting.signal }).catch(() => {});
    await Promise.race([this.#executor.idle(), timeout]);
    waiting.abort();
    return this.#executor.running === 0;
  }

  /** Others have this host's jobs: what it holds is forgotten, what it runs is ended. Late outcomes meet the fence. */
  #abandon(): void {
    for (const producer of this.#producers.values()) producer.forget();
    void this.#executor.kill();
  }
}

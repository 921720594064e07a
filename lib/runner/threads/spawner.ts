import { receiveMessageOnPort, type ResourceLimits, type Worker } from "node:worker_threads";
import { Piscina } from "piscina";
import { unpack } from "../../codec/codec.js";
import { entry } from "../../entry.js";
import type { Telemetry } from "../../telemetry.js";
import { Board } from "../../thread/board.js";
import { THREAD_DATA } from "../../thread/inside.js";
import { connect, type Far, type Hello, type HostSide, isHello, LINK, type ThreadSide } from "../../thread/link.js";
import type { RunMessage } from "../../thread/message.js";

/** ms before the next try after a thread could not start. */
const BOOT_RETRY = 1_000;

export interface SpawnerOptions {
  readonly telemetry: Telemetry;
  /**
   * Memory limits, as of `worker_threads`. They do not stop every kind of allocation.
   * @default Node's own
   */
  readonly resourceLimits?: ResourceLimits | undefined;
}

export interface SpawnerEvents {
  /** A thread is up and has answered a ping: `live` is set. */
  up(): void;
  /** The thread has sent the runs of its message, or has ended without them. */
  answered(answer: readonly RunMessage[] | Exit): void;
  /** The thread has thrown what no attempt caught, or is out of memory, and ends. */
  crashed(error: unknown): void;
  /** The thread has ended. A replacement follows, except after a stop. */
  down(): void;
  /** A thread could not start. Another try follows. */
  failed(error: unknown): void;
}

/** Why a thread has ended. */
export interface Exit {
  readonly cause: unknown;
}

/** A thread that is up, and the ways to reach it. */
export interface Live extends Hello {
  readonly worker: Worker;
  readonly far: Far<ThreadSide>;
  readonly board: Board;
}

/**
 * Keeps one thread up: starts it, replaces it whenever it ends, and ends it for good.
 *
 * Each spawner has a Piscina of its own with a single thread, so that Baton chooses the thread of a
 * job. Piscina only starts, replaces and ends the thread. Jobs go to it directly, which saves the
 * 80 µs that each spends in Piscina's queue.
 */
export class Spawner {
  readonly #options: SpawnerOptions;
  readonly #events: SpawnerEvents;
  #pool: Piscina | null = null;
  /** What the thread posted when it came up; null until then, and again once it has ended. */
  #hello: Hello | null = null;
  /** Whether Piscina has created the thread. It is up once `#hello` is set too. */
  #created = false;
  #live: Live | null = null;
  /** The thread until it has ended. Outlives `#live` while native code delays the end. */
  #worker: Worker | null = null;
  /** Resolves when the thread that came up last has ended. */
  #exited: Promise<void> = Promise.resolve();
  #bootError: unknown = null;
  #retry: NodeJS.Timeout | undefined;
  #stopped: Promise<void> | null = null;

  constructor(options: SpawnerOptions, events: SpawnerEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** The thread, if it is up. */
  get live(): Live | null {
    return this.#live;
  }

  /** Whether a thread exists that came up and has not ended. */
  get alive(): boolean {
    return this.#worker !== null;
  }

  /** Whether `stop` was called. */
  get stopping(): boolean {
    return this.#stopped !== null;
  }

  /** Starts the thread. The event `up` or `failed` follows. */
  start(): void {
    const { resourceLimits } = this.#options;
    const pool = new Piscina({
      filename: entry("workers/entry.cjs"),
      name: "noop",
      minThreads: 1,
      maxThreads: 1,
      // By default an idle thread blocks in Atomics.wait, where links and timers cannot wake it.
      atomics: "disabled",
      recordTiming: false,
      workerData: THREAD_DATA,
      ...(resourceLimits && { resourceLimits }),
    });
    this.#pool = pool;
    // Piscina emits this before the first thread runs, but after a replacement posted its Hello.
    pool.on("workerCreate", () => {
      this.#created = true;
      this.#connect(pool);
    });
    pool.on("message", (message: unknown) => {
      // Jobs can post to the same port. Their messages are ignored.
      if (this.#hello !== null || !isHello(message)) return;
      this.#hello = message;
      this.#connect(pool);
    });
    pool.on("workerDestroy", () => this.#down(pool));
    // Without a listener the error would end the host.
    pool.on("error", (error: unknown) => {
      this.#bootError = error;
      this.#events.crashed(error);
    });
    this.#hold(pool);
  }

  /** Ends the thread, which is then replaced. Resolves when it has ended. */
  async terminate(): Promise<void> {
    await this.#live?.worker.terminate();
    await this.#exited;
  }

  /** Ends the thread for good. Resolves when it has ended. Idempotent. */
  stop(): Promise<void> {
    clearTimeout(this.#retry);
    this.#stopped ??= this.#pool?.destroy() ?? Promise.resolve();
    return this.#stopped;
  }

  /** Lets the process exit although the thread has not ended. */
  unref(): void {
    this.#worker?.unref();
  }

  #connect(pool: Piscina): void {
    const [worker] = pool.threads;
    if (this.#hello === null || !this.#created || worker === undefined) return;
    const hello = this.#hello;
    this.#worker = worker;
    const far = connect<ThreadSide>(hello[LINK], { stray: (report) => this.#stray(report) } satisfies HostSide);
    let reason: unknown;
    worker.once("error", (error: unknown) => {
      reason = error;
    });
    const exited = new Promise<void>((resolve) => {
      worker.once("exit", (code) => {
        if (this.#worker === worker) this.#worker = null;
        resolve();
        this.#ended(hello, reason ?? new Error(`it exited with code ${code}`));
      });
    });
    hello.jobs.on("message", (messages: readonly RunMessage[]) => this.#events.answered(messages));
    hello.jobs.unref();
    const ready = (): void => {
      if (this.#hello !== hello || this.stopping) return;
      worker.unref();
      this.#live = { ...hello, worker, far, board: new Board(hello.memory) };
      this.#exited = exited;
      this.#events.up();
    };
    // An answer proves that the link works and that the thread's event loop turns.
    far.ping().then(ready, (error: unknown) => {
      this.#options.telemetry.emit("service:error", { service: "threads", error });
    });
  }

  /** Hands over the last runs, which the thread may have sent just before it ended. */
  #ended({ jobs }: Hello, cause: unknown): void {
    const last: { readonly message: readonly RunMessage[] } | undefined = receiveMessageOnPort(jobs);
    this.#events.answered(last?.message ?? { cause });
    jobs.close();
  }

  #down(pool: Piscina): void {
    this.#hello?.[LINK].close();
    this.#hello = null;
    this.#live = null;
    this.#created = false;
    this.#events.down();
    queueMicrotask(() => {
      if (this.stopping || this.#hold(pool)) return;
      // Piscina never retries after a thread that could not start, so another Piscina takes over.
      this.#retry = setTimeout(() => this.start(), BOOT_RETRY);
      this.#events.failed(this.#bootError);
    });
  }

  /**
   * Keeps the process alive while a thread starts, because callers wait for it and Piscina unrefs
   * it. False if no thread starts.
   */
  #hold(pool: Piscina): boolean {
    const [worker] = pool.threads;
    worker?.ref();
    return worker !== undefined;
  }

  #stray({ id, worker, error }: Parameters<HostSide["stray"]>[0]): void {
    this.#options.telemetry.emit("job:stray", { id, worker, error: unpack(error.encoding, error.bytes) });
  }
}

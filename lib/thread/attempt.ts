import { AsyncLocalStorage } from "node:async_hooks";
import { threadId } from "node:worker_threads";
import type { ThreadJob } from "../job/job.js";
import type { PerformContext } from "../worker.js";

const attempts = new AsyncLocalStorage<Attempt>();

/**
 * One attempt at a job in this thread. Code that it starts can be traced back to it. The
 * attempt can be aborted, and made to fail from outside.
 */
export class Attempt {
  readonly id: number;
  readonly claim: number;
  readonly worker: string;
  /** Rejects the promise of `execute`; null before it is called. */
  #fail: ((error: unknown) => void) | null = null;
  /** Made when `perform` first reads the signal. */
  #controller: AbortController | null = null;
  /** The reason of the signal, from the first abort on. */
  #abortion: DOMException | null = null;

  constructor({ id, claim, worker }: ThreadJob) {
    this.id = id;
    this.claim = claim;
    this.worker = worker;
  }

  /** The attempt that started the running code, through any number of timers and promises. */
  static get origin(): Attempt | undefined {
    return attempts.getStore();
  }

  /** The context of `perform`. Few jobs read the signal, so it is made on demand. */
  get context(): PerformContext {
    const signal = (): AbortSignal => this.#signal;
    return {
      threadId,
      get signal() {
        return signal();
      },
    };
  }

  get #signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#abortion !== null) this.#controller.abort(this.#abortion);
    }
    return this.#controller.signal;
  }

  /** Calls a function as part of this attempt, along with all code that it starts. */
  call<Result>(callback: () => Result): Result {
    return attempts.run(this, callback);
  }

  /**
   * Calls a function as {@link call} does. Settles as its result does, or rejects with the
   * error given to {@link fail} before that.
   */
  execute(callback: () => unknown): Promise<unknown> {
    return this.call(
      () =>
        new Promise((resolve, reject) => {
          this.#fail = reject;
          Promise.resolve(callback()).then(resolve, reject);
        }),
    );
  }

  /** Fails the attempt with an uncaught error. Does nothing once the attempt has settled. */
  fail(error: unknown): void {
    this.#fail?.(error);
  }

  /** Aborts the signal. Its listeners are called as part of the attempt. */
  abort(reason: string): void {
    this.#abortion ??= new DOMException(reason, "AbortError");
    const abortion = this.#abortion;
    this.call(() => this.#controller?.abort(abortion));
  }
}

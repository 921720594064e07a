import { AsyncLocalStorage } from "node:async_hooks";
import { threadId } from "node:worker_threads";
import type { ClaimedJob } from "../job/job.js";
import type { PerformContext } from "../worker.js";

const attempts = new AsyncLocalStorage<Attempt>();

/** One run of one job in this thread: knows what belongs to it, can be aborted, and failed from outside. */
export class Attempt {
  readonly id: number;
  readonly claim: number;
  readonly worker: string;
  #fail: ((error: unknown) => void) | null = null;
  #controller: AbortController | null = null;
  #abortion: DOMException | null = null;

  constructor({ id, claim, worker }: ClaimedJob) {
    this.id = id;
    this.claim = claim;
    this.worker = worker;
  }

  /** The attempt that the code running now was started by, however many timers and promises ago. */
  static get running(): Attempt | undefined {
    return attempts.getStore();
  }

  /** What `perform` gets. Most jobs never look at the signal, so it is made when they do. */
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

  /** Calls a function as this attempt's doing; whatever it sets off later is known to be of this attempt. */
  run<Result>(call: () => Result): Result {
    return attempts.run(this, call);
  }

  /** Like {@link run}, and settles as what the function returns does, or with what {@link fail} is given before that. */
  settle(call: () => unknown): Promise<unknown> {
    return this.run(
      () =>
        new Promise((resolve, reject) => {
          this.#fail = reject;
          Promise.resolve(call()).then(resolve, reject);
        }),
    );
  }

  /** Fails the attempt with an error thrown where nobody could catch it. Does nothing when the attempt has settled. */
  fail(error: unknown): void {
    this.#fail?.(error);
  }

  /** Aborts the signal. The listeners run as part of the attempt. */
  abort(reason: string): void {
    this.#abortion ??= new DOMException(reason, "AbortError");
    const abortion = this.#abortion;
    this.run(() => this.#controller?.abort(abortion));
  }
}

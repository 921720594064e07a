import type { Producer } from "./producer.js";

/** The producers of a host, one for each of its queues. */
export class Producers {
  readonly #all: Producer[] = [];
  readonly #byQueue = new Map<string, Producer>();
  /** Index of the producer that the last {@link advance} began with. */
  #first = 0;

  add(producer: Producer): void {
    this.#all.push(producer);
    this.#byQueue.set(producer.queue, producer);
  }

  of(queue: string): Producer | undefined {
    return this.#byQueue.get(queue);
  }

  /** Threads that run jobs or are promised to them, in all queues. */
  get running(): number {
    let running = 0;
    for (const producer of this.#all) running += producer.running;
    return running;
  }

  /** Whether claimed jobs wait for a thread, in any queue. */
  get hasBacklog(): boolean {
    for (const { waiting } of this.#all) if (waiting > 0) return true;
    return false;
  }

  /** What `status()` reports of each queue. */
  status(): { readonly queue: string; readonly running: number; readonly waiting: number }[] {
    return this.#all.map(({ queue, running, waiting }) => ({ queue, running, waiting }));
  }

  start(): void {
    for (const producer of this.#all) producer.start();
  }

  /** See {@link Producer.stop}. */
  async stop(): Promise<void> {
    await Promise.all(this.#all.map((producer) => producer.stop()));
  }

  /** See {@link Producer.leave}. */
  leave(): void {
    for (const producer of this.#all) producer.leave();
  }

  /** See {@link Producer.forget}. */
  forget(): void {
    for (const producer of this.#all) producer.forget();
  }

  wake(): void {
    for (const producer of this.#all) producer.wake();
  }

  /** Lets each producer start and claim. They take turns to be first: none gets every thread. */
  advance(): void {
    const all = this.#all;
    this.#first = (this.#first + 1) % all.length;
    for (let at = 0; at < all.length; at += 1) all[(this.#first + at) % all.length]?.advance();
  }
}

/** A queue of items, and of those who wait for one. Each item is taken once. */
export class Inbox<T> {
  readonly #kept: T[] = [];
  readonly #waiting: Waiting<T>[] = [];
  #closed: Error | undefined;

  push(item: T): void {
    const index = this.#waiting.findIndex(({ wanted }) => wanted(item));
    if (index === -1) this.#kept.push(item);
    else this.#waiting.splice(index, 1)[0]?.resolve(item);
  }

  /** Takes the first wanted item, present or future. Rejects once it is closed. */
  take(wanted: (item: T) => boolean): Promise<T> {
    const index = this.#kept.findIndex(wanted);
    const [kept] = index === -1 ? [] : this.#kept.splice(index, 1);
    if (kept !== undefined) return Promise.resolve(kept);
    if (this.#closed) return Promise.reject(this.#closed);
    return new Promise((resolve, reject) => this.#waiting.push({ wanted, resolve, reject }));
  }

  close(why: Error): void {
    this.#closed = why;
    for (const { reject } of this.#waiting.splice(0)) reject(why);
  }
}

interface Waiting<T> {
  readonly wanted: (item: T) => boolean;
  readonly resolve: (item: T) => void;
  readonly reject: (why: Error) => void;
}

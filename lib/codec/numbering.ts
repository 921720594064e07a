/**
 * The numbers of a value's objects on the wire, by which later references name them. Each object
 * gets the next number, from 0, when its tag is written.
 */
export class Numbering {
  readonly #numbers = new Map<object, number>();
  #next = 0;

  /** The number of an object; undefined if it was not written yet. */
  of(object: object): number | undefined {
    return this.#numbers.get(object);
  }

  /** Gives an object the next number. */
  add(object: object): void {
    this.#numbers.set(object, this.#next++);
  }

  /** The next number, for a copy that stands for no object of the value. */
  skip(): number {
    return this.#next++;
  }

  /** Gives an object the number of its copy. */
  alias(object: object, number: number): void {
    this.#numbers.set(object, number);
  }

  clear(): void {
    this.#numbers.clear();
    this.#next = 0;
  }
}

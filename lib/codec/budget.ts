import { weightLimit } from "./limits.js";
import { Refusal } from "./refusal.js";

/**
 * The heap that decoding a value may take for containers. The writer charges it as the reader will,
 * so that every encoded value can be decoded.
 */
export class Budget {
  /** In bytes of heap. */
  #left = 0;

  /** Begins a value of at most `limit` encoded bytes. */
  start(limit: number): void {
    this.#left = weightLimit(limit);
  }

  charge(weight: number): void {
    this.#left -= weight;
    if (this.#left < 0) throw new Refusal("there are too many objects, buffers or holes before it");
  }
}

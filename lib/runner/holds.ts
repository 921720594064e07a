import type { ClaimKey } from "../engine/claim-key.js";

/** A statement under way that may claim jobs for this host. */
export type Opening = symbol;

/**
 * What this host holds: every job from the reply that brought its claim until its end is written or refused by the fence. And what
 * it holds by the table without knowing: a claim whose reply was lost, or which the server committed after the host had given
 * it up. Such strays are found by comparison, whatever went wrong before. Pure.
 */
export class Holds {
  /** The claim of each job that is known, by the job's id. */
  readonly #known = new Map<number, number>();
  readonly #open = new Set<Opening>();
  /** Rows that are not known, each with the statements whose replies may still explain it. */
  #strays = new Map<string, Set<Opening>>();

  /** How many jobs are known. */
  get size(): number {
    return this.#known.size;
  }

  /** A statement that may claim is about to be sent. */
  open(): Opening {
    const opening = Symbol("claiming");
    this.#open.add(opening);
    return opening;
  }

  /** It has been answered, and its jobs are taken; or its answer is given up. */
  settle(opening: Opening): void {
    this.#open.delete(opening);
  }

  /** A claim is known from here on. A later claim of the same job stays. */
  take({ id, claim }: ClaimKey): void {
    if (!this.#supersedes({ id, claim })) this.#known.set(id, claim);
  }

  /** Its end is written, or the fence has refused it. A later claim of the same job stays. */
  drop({ id, claim }: ClaimKey): void {
    if (this.#known.get(id) === claim) this.#known.delete(id);
  }

  /**
   * Compares what a look has read with what is known, as the look's answer arrives. Returns the strays that nothing under way can
   * explain: a claim in the look was sent before its answer arrived, so it is known, or its statement is still open. A job that
   * ended after the look had read its row is among them too, unless it is claimed again already; the fence refuses to give it back.
   */
  compare(held: readonly ClaimKey[]): ClaimKey[] {
    const before = this.#strays;
    this.#strays = new Map();
    return held.filter((row) => {
      if (this.#known.get(row.id) === row.claim || this.#supersedes(row)) return false;
      const key = `${row.id} ${row.claim}`;
      const explaining = before.get(key) ?? new Set(this.#open);
      for (const opening of explaining) if (!this.#open.has(opening)) explaining.delete(opening);
      if (explaining.size > 0) this.#strays.set(key, explaining);
      return explaining.size === 0;
    });
  }

  /** Whether a later claim of the same job is known. Claims only rise. */
  #supersedes({ id, claim }: ClaimKey): boolean {
    return (this.#known.get(id) ?? claim) > claim;
  }
}

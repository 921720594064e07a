import type { ClaimKey } from "../engine/claim-key.js";

/**
 * Stands for a statement under way that may claim jobs for this host: a producer's claim, or the
 * insert for a seat. A new one for each statement; only its identity counts.
 */
export type Claiming = object | symbol;

/**
 * The jobs that this host holds: each from the reply to its claim until its outcome is
 * written or the fence refuses it.
 *
 * The table may list more. The reply to a claim may be lost, or the server may commit a
 * claim that the host has given up. Comparing the holds with the table finds such strays,
 * whatever their cause. Pure.
 */
export class Holds {
  /** The claim of each job that this host knows, by the job's id. */
  readonly #known = new Map<number, number>();
  readonly #underWay = new Set<Claiming>();
  /**
   * Rows that this host does not know, as of the last comparison. Each has the statements, never
   * none, that were under way when it was first seen and whose replies may still bring it.
   */
  #unexplained = new Map<string, Set<Claiming>>();

  /** How many jobs this host knows that it holds. */
  get size(): number {
    return this.#known.size;
  }

  /** Notes that a statement which may claim jobs is about to be sent. */
  sent(statement: Claiming): void {
    this.#underWay.add(statement);
  }

  /** Notes that a statement's jobs are added, or that the host has given it up. */
  settled(statement: Claiming): void {
    this.#underWay.delete(statement);
  }

  /** Adds a claim that a reply brought. Does nothing if a later claim of the same job is known. */
  add({ id, claim }: ClaimKey): void {
    if (!this.#supersedes({ id, claim })) this.#known.set(id, claim);
  }

  /** Removes a job whose outcome is written or refused. A later claim of the same job stays. */
  remove({ id, claim }: ClaimKey): void {
    if (this.#known.get(id) === claim) this.#known.delete(id);
  }

  /**
   * Compares the holds with the rows that a look has read, as its reply arrives. Returns the
   * strays: rows that this host does not know and that no statement under way can explain. The look
   * saw only claims sent before its reply, so each is known by now or its statement is under way.
   *
   * A job that ended after the look had read its row counts as a stray too, unless it is claimed
   * again already. The fence refuses to release it.
   */
  findStrays(held: readonly ClaimKey[]): ClaimKey[] {
    const before = this.#unexplained;
    this.#unexplained = new Map();
    return held.filter((row) => {
      if (this.#known.get(row.id) === row.claim || this.#supersedes(row)) return false;
      const key = `${row.id} ${row.claim}`;
      const explaining = before.get(key) ?? new Set(this.#underWay);
      for (const statement of explaining) if (!this.#underWay.has(statement)) explaining.delete(statement);
      if (explaining.size > 0) this.#unexplained.set(key, explaining);
      return explaining.size === 0;
    });
  }

  /** Whether a later claim of the same job is known. Claims only rise. */
  #supersedes({ id, claim }: ClaimKey): boolean {
    return (this.#known.get(id) ?? claim) > claim;
  }
}

import { type Column, Columns } from "./parameters.js";

/** A claim of a job. Together with the host, it fences every later write about that job. */
export interface ClaimKey {
  readonly id: number;
  /** The counter on the row when it was claimed. */
  readonly claim: number;
}

/** The columns of a key, first in every statement about claimed jobs. */
export const KEY_COLUMNS: readonly Column<ClaimKey>[] = [
  ["id", "bigint", ({ id }) => id],
  ["claim", "int", ({ claim }) => claim],
];
/** The columns of keys, for statements about many jobs. */
export const KEYS = new Columns<ClaimKey>(KEY_COLUMNS);

/**
 * The fence: whether row `j` is still executing under the claim `i`, on this host. `state + 0`
 * keeps the planner from the partial indexes, which under load are full of entries of rows that
 * have moved on. It then looks up each row in the primary key.
 */
export function fenced(host: string): string {
  return `j.id = i.id and j.state + 0 = 2 and j.attempted_by = ${host} and j.claim = i.claim`;
}

/** Sorts by id. Statements that update many rows lock them in this order, to avoid deadlocks. */
export function inLockOrder<Key extends ClaimKey>(keys: readonly Key[]): Key[] {
  return [...keys].sort((a, b) => a.id - b.id);
}

/** Whether a statement returned each key. */
export function foundIn(returned: readonly ClaimKey[], keys: readonly ClaimKey[]): boolean[] {
  const found = new Set(returned.map(({ id, claim }) => `${id}/${claim}`));
  return keys.map(({ id, claim }) => found.has(`${id}/${claim}`));
}

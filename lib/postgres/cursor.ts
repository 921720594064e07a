import type pg from "pg";
import Cursor from "pg-cursor";
import { clearQueryTimeout } from "./internals.js";

/** How many rows to read next, given those read so far; 0 ends the reading. */
export type Room<Row> = (rows: readonly Row[]) => number;

/**
 * Reads a query's rows through a cursor until there are no more rows or no more room. The cursor
 * and its transaction end with the call. Rejects with pg's own error.
 */
export async function readRows<Row>(
  client: pg.ClientBase,
  text: string,
  values: unknown[],
  room: Room<Row>,
): Promise<Row[]> {
  const cursor = client.query(new Cursor<Row>(text, values));
  let onEnd: () => void = () => {};
  // A cursor does not notice the loss of its connection between reads and while it closes.
  const ended = new Promise<never>((_, reject) => {
    onEnd = () => reject(new Error("the connection ended"));
  });
  ended.catch(() => {});
  client.once("end", onEnd);
  try {
    const rows: Row[] = [];
    for (let size = room(rows), more = true; more && size > 0; size = room(rows)) {
      const chunk = await Promise.race([cursor.read(size), ended]);
      more = chunk.length === size;
      rows.push(...chunk);
    }
    await Promise.race([cursor.close(), ended]);
    return rows;
  } finally {
    client.removeListener("end", onEnd);
    clearQueryTimeout(cursor);
  }
}

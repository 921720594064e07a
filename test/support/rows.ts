import type { InsertRow } from "../../lib/engine/insert.js";
import { newRef } from "../../lib/relay/relay.js";

/** A row to insert. */
export function newRow(rest: Partial<InsertRow> = {}): InsertRow {
  return {
    worker: "double",
    queue: "default",
    args: '{"int": 2}',
    meta: {},
    tags: [],
    priority: 0,
    maxAttempts: 20,
    scheduledAt: null,
    scheduleIn: null,
    ref: newRef(),
    replyTo: null,
    claimed: false,
    ...rest,
  };
}

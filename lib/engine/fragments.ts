import { createHash } from "node:crypto";
import type { Statement } from "../postgres/database.js";

/**
 * What the statements are made of.
 *
 * Every function and every type that is not a keyword of SQL names its schema, and an operator on an array or on operands of
 * two types does so where PostgreSQL's own is not an exact match. Otherwise a function or operator that another role made in a
 * schema on the search path could run with the rights of ours: a better match wins, whatever the order of that path. Only
 * `unnest` of several arrays stands alone: the grammar expands it, and always means PostgreSQL's.
 */

/** The channel on which a host hears of new jobs; the payload is the queue. */
export function insertChannel(prefix: string): string {
  return `${prefix}.insert`;
}

/** The channel on which a host gets the outcomes that it awaits; the payload is an envelope. */
export function relayChannel(prefix: string, host: string): string {
  return `${prefix}.relay.${host}`;
}

/** The tables, by the names that they have in statements. */
export interface Tables {
  readonly jobs: string;
  readonly hosts: string;
}

export function tablesOf(prefix: string): Tables {
  return { jobs: `"${prefix}".jobs`, hosts: `"${prefix}".hosts` };
}

/** A time in ms, as JavaScript has it. */
export function ms(time: string): string {
  return `pg_catalog.date_part('epoch', ${time}) * 1000::pg_catalog.float8`;
}

/** Selects available jobs through the index jobs_claim_worker and no other (see `migrations.ts`). */
export const AVAILABLE = "state + 1 = 2";

/**
 * Whether a queue has an available job of one of these workers: one index look-up a worker,
 * whatever else waits in the queue.
 */
export function offered(prefix: string, queue: string, workers: string): string {
  return `exists (select from pg_catalog.unnest(${workers}) as offered(worker) cross join lateral (select from ${tablesOf(prefix).jobs} j
    where j.${AVAILABLE} and j.queue = ${queue} and j.worker = offered.worker limit 1) available)`;
}

/** Whether the row `h` of `hosts` serves a queue. */
export function serves(queue: string): string {
  return `pg_catalog.jsonb_exists(h.queues, ${queue})`;
}

/**
 * Whether the row `h` of `hosts` has a worker. Hosts of older releases do not list theirs: they
 * count as having every worker.
 */
export function has(worker: string): string {
  return `(h.workers is null or ${worker} = any(h.workers))`;
}

/**
 * The ids of the hosts that serve a queue with the same workers as this one, itself included: an
 * object of arrays, by queue.
 */
export function peers(prefix: string, queues: string, host: string): string {
  const { hosts } = tablesOf(prefix);
  return `(select coalesce(pg_catalog.jsonb_object_agg(q, ids), '{}') from pg_catalog.unnest(${queues}) q
    cross join lateral (select pg_catalog.jsonb_agg(h.id order by h.id) as ids from ${hosts} h
      where ${serves("q")} and h.workers operator(pg_catalog.=) (select workers from ${hosts} where id = ${host})) same where ids is not null)`;
}

/**
 * The attempt under way of row `j`: that on the row if it has begun, else the one that it will be.
 */
export const ATTEMPT = "j.attempt + (j.attempted_at is null)::int";

/**
 * Whether a row's job runs alone, in a process of its own: hosts have died twice while they held it, and once at least after
 * it had begun. `suspicion` is 2 then, and 1 after a first death: it runs in a thread, but its begin is written beforehand.
 */
export const ALONE = "(crashes > 0 and deaths > 1)";
export const SUSPICION = "case when j.deaths = 0 then 0 when j.crashes > 0 and j.deaths > 1 then 2 else 1 end";

/** Raw bytes over this do not fit into one notification as base64url; the awaiter is told to fetch them. */
const NOTIFIED_BYTES = 5_979;

/**
 * The envelope of an answer of row `j`, as `relay/envelope.ts` writes it: made here, so that the
 * bytes travel only once.
 */
function envelope(head: string, bytes: string): string {
  return `'R1' || pg_catalog.translate(pg_catalog.encode(pg_catalog.uuid_send(j.ref), 'base64'), '+/=', '-_')
    || case when pg_catalog.octet_length(${bytes}) > ${NOTIFIED_BYTES} then 'f-'
    else ${head} || pg_catalog.translate(pg_catalog.encode(${bytes}, 'base64'), E'+/=\\n', '-_') end`;
}

/**
 * What notifies, as columns of what a statement returns of its rows `j`. PostgreSQL sends what is
 * the same only once a transaction. Only where `notify` is true: see `Engine.#notifying`.
 */
export function wake(prefix: string, notify: string): string {
  return `case when j.state = 1 and ${notify}
    then pg_catalog.pg_notify('${insertChannel(prefix)}', j.queue)::pg_catalog.text end as woken`;
}

/** Whether any host awaits a row. Arrays have only polymorphic operators, over which an exact one of a user's would win. */
export function awaited(row: string): string {
  return `${row}.reply_to operator(pg_catalog.<>) '{}'`;
}

/** Tells the hosts that await row `j` of its answer, less the host given, which knows. */
export function tell(prefix: string, host: string, head: string, bytes: string, notify: string): string {
  return `case when ${notify} and ${head} is not null and ${awaited("j")} then (
    select pg_catalog.count(pg_catalog.pg_notify('${relayChannel(prefix, "")}' || awaiting, ${envelope(head, bytes)}))
    from pg_catalog.unnest(j.reply_to) awaiting where awaiting <> ${host}) end as told`;
}

/** The row's error history with one more entry, the newest ten kept, the oldest first. */
export function withError(error: string): string {
  return `case when ${error} is null then j.errors else pg_catalog.jsonb_path_query_array(
    j.errors || pg_catalog.jsonb_build_object('at', pg_catalog.now(), 'attempt', ${ATTEMPT}, 'error', ${error}),
    '$[last - 9 to last]') end`;
}

/** When a row that finished at a time may be pruned. `retention` in ms; a constant, since it is the same for all of a host's statements. */
export function expiry(finishedAt: string, retention: number): string {
  // PostgreSQL before 15 takes no field of an interval over 2^31: 25 days in ms.
  return `${finishedAt} + ${Math.ceil(retention)}::pg_catalog.float8 * interval '1 ms'`;
}

/**
 * Holds for the statement's transaction: its commit need not wait for the disk. For `where`, of
 * those hosts that are registered.
 */
export function relaxed(from = ""): string {
  return `(select pg_catalog.set_config('synchronous_commit', 'off', true) ${from}) = 'off'`;
}

/**
 * Named by its text too: behind a pooler, sessions may hold what another prefix or release has
 * prepared.
 */
export function named(name: string, text: string): Statement {
  return { name: `baton_${name}_${createHash("sha1").update(text).digest("hex").slice(0, 8)}`, text };
}

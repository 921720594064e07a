import { createHash } from "node:crypto";
import type { Statement } from "../postgres/database.js";

/**
 * Pieces that several statements share.
 *
 * Every function and every type that is not a keyword of SQL names its schema, and so does an
 * operator on an array or on operands of two types, where PostgreSQL's own is not an exact match.
 * Otherwise a function or operator that another role made in a schema on the search path could run
 * with Baton's rights: a better match wins, whatever the order of the path.
 */

/** The channel that announces new jobs; the payload is the queue. */
export function insertChannel(prefix: string): string {
  return `${prefix}.insert`;
}

/** The channel on which a host receives the answers that it awaits; the payload is an envelope. */
export function relayChannel(prefix: string, host: string): string {
  return `${prefix}.relay.${host}`;
}

/** The tables, as statements name them. */
export interface Tables {
  readonly jobs: string;
  readonly hosts: string;
}

export function tablesOf(prefix: string): Tables {
  return { jobs: `"${prefix}".jobs`, hosts: `"${prefix}".hosts` };
}

/** A time in ms since the epoch, as JavaScript counts. */
export function ms(time: string): string {
  return `pg_catalog.date_part('epoch', ${time}) * 1000::pg_catalog.float8`;
}

/**
 * When the row of a host was last written by a heartbeat, in whole µs. Compared for change only, so
 * nothing depends on the server's clock.
 */
export const SEEN = "(pg_catalog.date_part('epoch', seen_at) * 1000000::pg_catalog.float8)::bigint";

/**
 * Selects available jobs through the index `jobs_claim_worker` and no other (see `migrations.ts`).
 */
export const AVAILABLE = "state + 1 = 2";

/**
 * Whether a queue has an available job of one of these workers: one index look-up a worker,
 * whatever else waits in the queue.
 */
export function offered(prefix: string, queue: string, workers: string): string {
  return `exists (select from pg_catalog.unnest(${workers}) as offered(worker)
    cross join lateral (select from ${tablesOf(prefix).jobs} j
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
 * By queue, an array of the ids of the hosts that serve it with the same workers as this host,
 * itself included.
 */
export function peers(prefix: string, queues: string, host: string): string {
  const { hosts } = tablesOf(prefix);
  return `(select coalesce(pg_catalog.jsonb_object_agg(q, ids), '{}') from pg_catalog.unnest(${queues}) q
    cross join lateral (select pg_catalog.jsonb_agg(h.id order by h.id) as ids from ${hosts} h
      where ${serves("q")}
        and h.workers operator(pg_catalog.=) (select workers from ${hosts} where id = ${host})) same
    where ids is not null)`;
}

/** The number of the attempt of row `j`: the one under way if it has begun, else the next. */
export const ATTEMPT = "j.attempt + (j.attempted_at is null)::int";

/**
 * Whether a job runs alone, in a process of its own: two hosts have died while they held it, at
 * least one of them after it had begun.
 */
export const ALONE = "(crashes > 0 and deaths > 1)";

/** The suspicion of row `j`, as a number of `job/suspicion.ts`; 2 is {@link ALONE}. */
export const SUSPICION = "case when j.deaths = 0 then 0 when j.crashes > 0 and j.deaths > 1 then 2 else 1 end";

/**
 * Bytes of an answer that fit into one notification as base64url. The awaiter of a larger one is
 * notified that it is stored, and reads it.
 */
const NOTIFIED_BYTES = 5_979;

/**
 * The envelope of an answer of row `j`, as `relay/envelope.ts` writes it. The server builds it, so
 * the bytes travel to it only once.
 */
function envelope(head: string, bytes: string): string {
  return `'R1' || pg_catalog.translate(pg_catalog.encode(pg_catalog.uuid_send(j.ref), 'base64'), '+/=', '-_')
    || case when pg_catalog.octet_length(${bytes}) > ${NOTIFIED_BYTES} then 'f-'
    else ${head} || pg_catalog.translate(pg_catalog.encode(${bytes}, 'base64'), E'+/=\\n', '-_') end`;
}

/**
 * Notifies the hosts of the queue of row `j`, if the row is available and `notify` is true (see
 * `Engine.#notifying`). A column of RETURNING: a CTE for this would cost more. PostgreSQL sends
 * equal notifications of one transaction once, so each queue is notified once a statement.
 */
export function wake(prefix: string, notify: string): string {
  return `case when j.state = 1 and ${notify}
    then pg_catalog.pg_notify('${insertChannel(prefix)}', j.queue)::pg_catalog.text end as woken`;
}

/**
 * Whether any host awaits a row. Arrays have only polymorphic operators; another role's exact match
 * would win, so this one names its schema.
 */
export function awaited(row: string): string {
  return `${row}.reply_to operator(pg_catalog.<>) '{}'`;
}

/** What {@link tell} needs, as SQL expressions. */
interface Told {
  /** The host that has the answer already, and is left out. */
  readonly host: string;
  /** The kind and encoding of the answer; null if there is none. */
  readonly head: string;
  readonly bytes: string;
  readonly notify: string;
}

/**
 * Sends an answer to the hosts that await row `j`, if `notify` is true. A column of RETURNING like
 * {@link wake}.
 */
export function tell(prefix: string, { host, head, bytes, notify }: Told): string {
  return `case when ${notify} and ${head} is not null and ${awaited("j")} then (
    select pg_catalog.count(pg_catalog.pg_notify('${relayChannel(prefix, "")}' || awaiting, ${envelope(head, bytes)}))
    from pg_catalog.unnest(j.reply_to) awaiting where awaiting <> ${host}) end as told`;
}

/**
 * The error history of row `j` with one more entry, if there is one: the newest ten, oldest first.
 */
export function withError(error: string): string {
  return `case when ${error} is null then j.errors else pg_catalog.jsonb_path_query_array(
    j.errors || pg_catalog.jsonb_build_object('at', pg_catalog.now(), 'attempt', ${ATTEMPT}, 'error', ${error}),
    '$[last - 9 to last]') end`;
}

/**
 * When a row that finished at this time may be pruned. `retention`, in ms, stands in the text: it
 * is the same for all of a host's statements.
 */
export function expiry(finishedAt: string, retention: number): string {
  // PostgreSQL before 15 takes no field of an interval over 2^31: 25 days in ms.
  return `${finishedAt} + ${Math.ceil(retention)}::pg_catalog.float8 * interval '1 ms'`;
}

/**
 * True, and lets the statement's transaction commit without waiting for the disk. With `from` it
 * reads a row of a table first, and is null if there is none.
 */
export function relaxed(from = ""): string {
  return `(select pg_catalog.set_config('synchronous_commit', 'off', true) ${from}) = 'off'`;
}

/**
 * A prepared statement. Its name carries a hash of the text: behind a pooler, a session may hold a
 * statement that another prefix or release has prepared.
 */
export function named(name: string, text: string): Statement {
  return { name: `baton_${name}_${createHash("sha1").update(text).digest("hex").slice(0, 8)}`, text };
}

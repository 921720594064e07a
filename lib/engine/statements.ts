import { MAX_RESULT_LIMIT } from "../codec/limits.js";
import { COUNTED_FROM } from "../job/interruptions.js";
import { claiming } from "./claiming.js";
import { ATTEMPT, expiry, ms, named, relaxed, tablesOf, tell, wake, withError } from "./fragments.js";
import { ANSWER_HEAD, INLINE } from "./rows.js";
import { serving } from "./serving.js";
import { upkeep } from "./upkeep.js";

/**
 * The statements on a job's way, with the reason for their shape; those that keep the table in order are in `upkeep.ts`.
 * Batches come as arrays or as JSON: one statement, one commit, one flush to disk for all of them. A single job has statements
 * of its own, since what a batch needs costs as much again as the write. Rows are looked up one by one in the primary key, at
 * every table size: the connections' settings leave the planner no other join (`database.ts`), and `state + 0` keeps it from the
 * partial indexes, which under load are full of entries of rows that have moved on.
 *
 * States are written as numbers: 0 scheduled, 1 available, 2 executing, 3 retryable, 4 completed, 5 discarded, 6 cancelled.
 */
export type Statements = ReturnType<typeof statements>;

/** The size of a result is known without reading it, and so is its beginning. */
const STORED_COLUMNS = `j.ref, j.id, j.state, j.attempt, j.attempted_by as host, pg_catalog.octet_length(j.result) as size,
  case when pg_catalog.octet_length(j.result) > ${INLINE} then substring(j.result for ${ANSWER_HEAD}) else j.result end as result`;

/** A large result comes in pieces of this many bytes: the driver's own memory stays small, and the main loop turns in between. */
const PIECE = 262_144;
/** What is longer than any result can be is read one byte too far, which its decoder refuses. */
const LONGEST = ANSWER_HEAD + MAX_RESULT_LIMIT + 1;

const DAY = 86_400_000;

/** Whether one more interruption of row `j` costs it its attempt. */
const COUNTED = `(j.interruptions + 1 >= ${COUNTED_FROM})`;

/** `at` is the database's time, in ms. */
const INSERTED_COLUMNS = `j.id, j.state = 2 as claimed, ${ms("pg_catalog.now()")} as at`;

/**
 * @param durable whether a completion waits for the disk.
 * @param retention ms that rows which this host finishes are kept.
 */
export function statements(prefix: string, durable = true, retention = DAY) {
  const tables = tablesOf(prefix);
  const { jobs, hosts } = tables;

  /**
   * A ref that is there already inserts nothing: an earlier try of the same insert went through although its reply was lost.
   * A host that was declared lost claims nothing, here too: nobody would look after it.
   */
  const insert = (from: string, notify: string) => `
    insert into ${jobs} as j (worker, queue, args, meta, tags, priority, max_attempts, scheduled_at, ref, reply_to,
      state, claim, attempt, attempted_at, attempted_by)
    select worker, queue, args, meta, tags, priority, max_attempts, time, ref,
      case when reply_to is null then '{}' else array[reply_to] end,
      case when host is not null then 2 when time > pg_catalog.now() then 0 else 1 end,
      (host is not null)::int, (host is not null)::int,
      case when host is not null then pg_catalog.now() end, host
    from (${from} offset 0) i
    on conflict (ref) do nothing
    returning ${INSERTED_COLUMNS}, ${wake(prefix, notify)}`;

  /** Fenced: a row that this host does not hold under this claim is left alone and is absent from what comes back. */
  const complete = (from: string, host: string, bytes: string, notify: string) => `
    update ${jobs} j set state = i.state, attempt = ${ATTEMPT} - (not i.counted)::int,
      attempted_at = coalesce(j.attempted_at, case when i.head is not null then pg_catalog.now() end),
      scheduled_at = case when i.state in (0, 3) then pg_catalog.now() + i.delay * interval '1 ms'
        else j.scheduled_at end,
      finished_at = case when i.state >= 4 then pg_catalog.now() end,
      expires_at = case when i.state >= 4 then ${expiry("pg_catalog.now()", retention)} end,
      errors = ${withError("i.error")},
      interruptions = case when i.head is null then j.interruptions else 0 end,
      result = case when i.head is null then j.result else i.head::pg_catalog.bytea || ${bytes} end
    from (${from}) i
    where ${durable ? "" : `${relaxed()} and `}j.id = i.id and j.state + 0 = 2 and j.attempted_by = ${host}
      and j.claim = i.claim
    returning j.id, j.claim, ${wake(prefix, notify)}, ${tell(prefix, host, "i.head", bytes, notify)}`;

  return {
    ...upkeep(prefix, retention),
    ...claiming(prefix),
    ...serving(prefix),

    insertOne: named(
      "insert_one",
      insert(
        `select $1::pg_catalog.text as worker, $2::pg_catalog.text as queue, $3::pg_catalog.jsonb as args,
          $4::pg_catalog.jsonb as meta, $5::pg_catalog.text[] as tags, $6::smallint as priority,
          $7::smallint as max_attempts, $8::pg_catalog.uuid as ref, $9::pg_catalog.text as reply_to,
          coalesce(pg_catalog.to_timestamp($10::pg_catalog.float8 / 1000::pg_catalog.float8),
            pg_catalog.now() + $11::pg_catalog.float8 * interval '1 ms') as time,
          (select id from ${hosts} where id = $12) as host`,
        "$13",
      ),
    ),

    /** Ids come back in the order given, less those of refs that are there. `$13` is the host that claims those that `$12` marks. */
    insertMany: named(
      "insert_many",
      insert(
        `select worker, queue, args, meta, tags::pg_catalog.text[], priority, max_attempts, ref, reply_to,
          coalesce(pg_catalog.to_timestamp(at / 1000::pg_catalog.float8),
            pg_catalog.now() + delay * interval '1 ms') as time,
          case when claimed then (select id from ${hosts} where id = $13) end as host
        from rows from (unnest($1::pg_catalog.text[], $2::pg_catalog.text[], $5::pg_catalog.text[],
            $6::smallint[], $7::smallint[], $8::pg_catalog.uuid[], $9::pg_catalog.text[],
            $10::pg_catalog.float8[], $11::pg_catalog.float8[], $12::boolean[]),
          pg_catalog.jsonb_array_elements($3::pg_catalog.jsonb), pg_catalog.jsonb_array_elements($4::pg_catalog.jsonb))
          as i(worker, queue, tags, priority, max_attempts, ref, reply_to, at, delay, claimed, args, meta)`,
        "$14",
      ),
    ),

    /** Counts the attempts of jobs that were only held, and have begun. Need not wait for the disk: it holds while the host lives. */
    begin: named(
      "begin",
      `update ${jobs} j set attempt = j.attempt + 1, attempted_at = pg_catalog.now()
      from unnest($1::bigint[], $2::int[]) as i(id, claim)
      where ${relaxed()} and j.id = i.id and j.state + 0 = 2 and j.attempted_by = $3 and j.claim = i.claim
        and j.attempted_at is null`,
    ),

    /** Ends an attempt and tells whoever awaits it, in one commit. */
    completeOne: named(
      "complete_one",
      complete(
        `select $1::bigint as id, $2::int as claim, $3::smallint as state, $4::pg_catalog.float8 as delay,
          $5::boolean as counted, $6::pg_catalog.text as error, $7::pg_catalog.text as head`,
        "$9",
        "$8::pg_catalog.bytea",
        "$10",
      ),
    ),

    /** Ends many. Their bytes come as one parameter, cut up here. */
    completeMany: named(
      "complete_many",
      complete(
        `select * from unnest($1::bigint[], $2::int[], $3::smallint[], $4::pg_catalog.float8[], $5::boolean[],
          $6::pg_catalog.text[], $7::pg_catalog.text[], $9::int[], $10::int[]) as i(id, claim, state, delay, counted, error, head, start, size)`,
        "$11",
        "substring($8::pg_catalog.bytea from i.start for i.size)",
        "$12",
      ),
    ),

    /**
     * Gives back what a stop interrupted, and counts that. From the fifth in a row on the attempt counts as well, with $4 in
     * the row's history; a job without another one is discarded, with the answer $5 (head) and $6 (bytes).
     */
    interrupt: named(
      "interrupt",
      `update ${jobs} j set state = case when ${COUNTED} and ${ATTEMPT} >= j.max_attempts then 5 else 1 end,
        attempt = ${ATTEMPT} - (not ${COUNTED})::int, interruptions = least(j.interruptions, 32766) + 1,
        attempted_at = coalesce(j.attempted_at, pg_catalog.now()),
        finished_at = case when ${COUNTED} and ${ATTEMPT} >= j.max_attempts then pg_catalog.now() end,
        expires_at = case when ${COUNTED} and ${ATTEMPT} >= j.max_attempts then ${expiry("pg_catalog.now()", retention)} end,
        errors = ${withError(`case when ${COUNTED} then $4::pg_catalog.text end`)},
        result = case when ${COUNTED} and ${ATTEMPT} >= j.max_attempts then $5::pg_catalog.text::pg_catalog.bytea || $6::pg_catalog.bytea else j.result end
      from unnest($1::bigint[], $2::int[]) as i(id, claim)
      where j.id = i.id and j.state + 0 = 2 and j.attempted_by = $3 and j.claim = i.claim
      returning j.id, j.claim, ${wake(prefix, "$7")}, ${tell(prefix, "$3", "case when j.state = 5 then $5::pg_catalog.text end", "$6::pg_catalog.bytea", "$7")}`,
    ),
    /** Writes nothing, and waits for whatever would hold up writing. */
    writable: named("writable", `update ${jobs} set claim = claim where false`),

    /** Of ends of attempts that were refused, those that an earlier try had written, whose reply was lost. */
    written: named(
      "written",
      `select j.id, j.claim from ${jobs} j, unnest($1::bigint[], $2::int[], $3::pg_catalog.text[], $4::int[], $5::int[])
        as i(id, claim, head, start, size)
      where j.id = i.id and j.attempted_by = $7 and j.claim = i.claim and j.state + 0 <> 2
        and (i.head is null or j.result = i.head::pg_catalog.bytea || substring($6::pg_catalog.bytea from i.start for i.size))`,
    ),

    fetch: named("fetch", `select ${STORED_COLUMNS} from ${jobs} j where j.ref = any($1::pg_catalog.uuid[])`),

    /**
     * Results whole, by COPY (see `copy.ts`), which takes no parameters. A ref as hex is harmless in a text, whatever it was. One
     * statement sees one version of a row, so all pieces are of one result.
     */
    large: (uuids: readonly string[]): string => `copy (
        select j.ref, j.id, j.state, j.attempt, j.attempted_by, least(pg_catalog.octet_length(j.result), ${LONGEST}), at,
          substring(j.result from at for least(${PIECE}, ${LONGEST} - at + 1))
        from ${jobs} j, pg_catalog.generate_series(1, least(pg_catalog.octet_length(j.result), ${LONGEST}), ${PIECE}) at
        where j.ref = any('{${uuids.join(",")}}'::pg_catalog.uuid[])
      ) to stdout (format binary)`,

    /**
     * A statement of its own before `fetch`: in one, the read would miss an outcome that was written in between. Rows are locked by id,
     * as by every statement that writes to many.
     */
    subscribe: named(
      "subscribe",
      `with awaited as materialized (
        select id from ${jobs} j where j.ref = any($1::pg_catalog.uuid[]) and j.state < 4 and $2 <> all(j.reply_to)
        order by id for no key update
      )
      update ${jobs} j set reply_to = pg_catalog.array_append(j.reply_to, $2)
      where j.id = any(array(select id from awaited)) and j.state < 4 and $2 <> all(j.reply_to) returning ${STORED_COLUMNS}`,
    ),
  };
}

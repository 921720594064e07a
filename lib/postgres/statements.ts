import { createHash } from "node:crypto";
import { MAX_RESULT_LIMIT } from "../codec/limits.js";
import type { Statement } from "./database.js";
import { HEAD, INLINE } from "./rows.js";

/**
 * Every statement that runs on the jobs, with the reason for its shape. Batches come as arrays or as one JSON parameter:
 * one statement, one commit, one flush to disk for all of them. Rows are looked up one by one in the primary key, at every table
 * size: the connections' settings leave the planner no other join (`database.ts`), and `state + 0` keeps it from the partial
 * indexes, which under load are full of entries of rows that have moved on.
 *
 * States are written as numbers: 0 scheduled, 1 available, 2 executing, 3 retryable, 4 completed, 5 discarded, 6 cancelled.
 */
export type Statements = ReturnType<typeof statements>;

/** A row's ref as 22 characters of base64url, the form that it has everywhere outside of the table. */
function refOf(row: string): string {
  return `translate(encode(uuid_send(${row}.ref), 'base64'), '+/=', '-_')`;
}

/** The attempt under way of row `j`: that on the row if it has begun, else the one that it will be. */
const ATTEMPT = "j.attempt + (j.attempted_at is null)::int";

const CLAIMED_COLUMNS = `j.id, j.claim, j.worker, j.queue, j.args, j.meta, j.tags, j.priority, ${ATTEMPT} as attempt,
  j.max_attempts as "maxAttempts", j.crashes, j.attempted_at is not null as begun,
  (extract(epoch from j.scheduled_at) * 1000)::float8 as "scheduledAt",
  (extract(epoch from j.inserted_at) * 1000)::float8 as "insertedAt",
  (extract(epoch from coalesce(j.attempted_at, now())) * 1000)::float8 as "attemptedAt", ${refOf("j")} as ref`;

/** The size of a result is known without reading it, and so is its beginning. */
const STORED_COLUMNS = `${refOf("j")} as ref, j.id, j.state, j.attempt, j.attempted_by as host, octet_length(j.result) as size,
  case when octet_length(j.result) > ${INLINE} then substring(j.result for ${HEAD}) else j.result end as result`;

/** A large result comes in pieces of this many bytes: the driver's own memory stays small, and the main loop turns in between. */
const PIECE = 262_144;
/** What is longer than any result can be is read one byte too far, which its decoder refuses. */
const LONGEST = HEAD + MAX_RESULT_LIMIT + 1;

/** The channel on which a host hears of new jobs; the payload is the queue. */
export function insertChannel(prefix: string): string {
  return `${prefix}.insert`;
}

/** The channel on which a host gets the outcomes that it awaits; the payload is an envelope. */
export function relayChannel(prefix: string, host: string): string {
  return `${prefix}.relay.${host}`;
}

/** Raw bytes over this do not fit into one notification as base64url; the awaiter is told to fetch them. */
const NOTIFIED_BYTES = 5_979;

/** The envelope of an answer of row `d`, as `relay/envelope.ts` writes it: made here, so that the bytes travel only once. */
function envelope(size: string, bytes: string): string {
  return `'R1' || ${refOf("d")} || case when ${size} > ${NOTIFIED_BYTES} then 'f-'
    else d.head || translate(encode(${bytes}, 'base64'), E'+/=\\n', '-_') end`;
}

export function statements(prefix: string) {
  const schema = `"${prefix}"`;
  const jobs = `${schema}.jobs`;
  const hosts = `${schema}.hosts`;
  const insertCh = `'${insertChannel(prefix)}'`;
  const relayCh = `'${relayChannel(prefix, "")}'`;

  /**
   * Wakes the producers of the queues that have new work in a CTE `name`: one notification a queue and statement. Like all
   * that notifies, only if the statement's last parameter says so: see `Engine.#notifying`.
   */
  const wake = (name: string, notify: string) =>
    `(select count(pg_notify(${insertCh}, q.queue)) from (select distinct queue from ${name} where state = 1) q where ${notify})`;

  return {
    /**
     * Ids come back in the order given, less those whose ref is there already: then an earlier try of the same insert went
     * through although its reply was lost. `at` is the database's time, in ms. A host that was declared lost claims nothing,
     * here too: nobody would look after it.
     */
    insert: named(
      "insert",
      `with input as (
        select * from rows from (jsonb_to_recordset($1::jsonb) as (worker text, queue text, args jsonb, meta jsonb, tags text[],
          priority smallint, "maxAttempts" smallint, "scheduledAt" float8, "scheduleIn" float8, ref uuid, "replyTo" text,
          "claimedBy" text)) with ordinality as i(worker, queue, args, meta, tags, priority, max_attempts, at, delay, ref,
          reply_to, claimer, n)
      ), timed as (
        select i.*, h.id as claimed_by, case when at is not null then to_timestamp(at / 1000)
          when delay > 0 then now() + delay * interval '1 ms' else now() end as time
        from input i left join ${hosts} h on h.id = i.claimer
      ), inserted as (
        insert into ${jobs} as j (worker, queue, args, meta, tags, priority, max_attempts, scheduled_at, ref, reply_to,
          state, claim, attempt, attempted_at, attempted_by)
        select worker, queue, args, meta, tags, priority, max_attempts, time, ref, array_remove(array[reply_to], null),
          case when time > now() then 0 when claimed_by is null then 1 else 2 end,
          (claimed_by is not null)::int, (claimed_by is not null)::int,
          case when claimed_by is not null then now() end, claimed_by
        from timed order by n
        on conflict (ref) where ref is not null do nothing
        returning id, state, queue
      ) select id, state = 2 as claimed, (extract(epoch from now()) * 1000)::float8 as at, ${wake("inserted", "$2")} as woken
      from inserted`,
    ),

    /**
     * A lost claim is only claimed again, so it need not wait for the disk (`synchronous_commit`). The host must be
     * registered: one that was declared lost claims nothing that nobody would look after. The first $4 begin at once: their
     * attempt counts from here. The others are only held; theirs counts once it begins (`begin`, or `complete`).
     */
    claim: named(
      "claim",
      `with relaxed as materialized (
        select set_config('synchronous_commit', 'off', true) from ${hosts} where id = $3
      ), picked as materialized (
        select id from ${jobs} where state = 1 and queue = $1 and exists (select from relaxed)
        order by priority, scheduled_at, id limit $2 for update skip locked
      ) update ${jobs} j set state = 2, claim = j.claim + 1, attempted_by = $3,
        attempt = j.attempt + (j.id = any(array(select id from picked limit $4)))::int,
        attempted_at = case when j.id = any(array(select id from picked limit $4)) then now() end
      where j.id = any(array(select id from picked)) and j.state + 0 = 1
      returning ${CLAIMED_COLUMNS}`,
    ),

    /** What a host holds: after a claim whose reply was lost, it may be more than it knows of. */
    held: named(
      "held",
      `select ${CLAIMED_COLUMNS} from ${jobs} j where state = 2 and attempted_by = $1 and queue = $2`,
    ),

    /** Counts the attempts of jobs that were only held, and have begun. Need not wait for the disk: it holds while the host lives. */
    begin: named(
      "begin",
      `with relaxed as materialized (select set_config('synchronous_commit', 'off', true))
      update ${jobs} j set attempt = j.attempt + 1, attempted_at = now()
      from relaxed, unnest($1::bigint[], $2::int[]) as i(id, claim)
      where j.id = i.id and j.state + 0 = 2 and j.attempted_by = $3 and j.claim = i.claim and j.attempted_at is null`,
    ),

    /**
     * Ends attempts and tells whoever awaits them, in one commit. Fenced: a row that this host does not hold under this
     * claim is left alone and is absent from what comes back. The values come as one binary parameter, cut up here.
     */
    complete: named(
      "complete",
      `with done as (
        update ${jobs} j set state = i.state, attempt = ${ATTEMPT} - (not i.counted)::int,
          attempted_at = coalesce(j.attempted_at, case when i.head is not null then now() end),
          scheduled_at = case when i.state in (0, 3) then now() + i.delay * interval '1 ms' else j.scheduled_at end,
          finished_at = case when i.state >= 4 then now() end,
          errors = ${withError("i.error")},
          result = case when i.head is null then j.result else i.head::bytea || substring($10::bytea from i.start for i.size) end
        from unnest($1::bigint[], $2::int[], $3::smallint[], $4::float8[], $5::boolean[], $6::text[], $7::text[], $8::int[],
          $9::int[]) as i(id, claim, state, delay, counted, error, head, start, size)
        where j.id = i.id and j.state + 0 = 2 and j.attempted_by = $11 and j.claim = i.claim
        returning j.id, j.claim, j.state, j.queue, j.ref, j.reply_to, i.head, i.start, i.size
      ) select id, claim, ${wake("done", "$12")} as woken, (
          select count(pg_notify(${relayCh} || host, ${envelope("d.size", "substring($10::bytea from d.start for d.size)")}))
          from done d, unnest(d.reply_to) host where $12 and host <> $11 and d.head is not null
        ) as told
      from done`,
    ),

    /** Of ends of attempts that were refused, those that an earlier try had written, whose reply was lost. */
    written: named(
      "written",
      `select j.id, j.claim from ${jobs} j, unnest($1::bigint[], $2::int[], $3::text[], $4::int[], $5::int[])
        as i(id, claim, head, start, size)
      where j.id = i.id and j.attempted_by = $7 and j.claim = i.claim and j.state + 0 <> 2
        and (i.head is null or j.result = i.head::bytea || substring($6::bytea from i.start for i.size))`,
    ),

    fetch: named("fetch", `select ${STORED_COLUMNS} from ${jobs} j where j.ref = any($1::uuid[])`),

    /**
     * Results whole, by COPY (see `copy.ts`), which takes no parameters. A ref as hex is harmless in a text, whatever it was. One
     * statement sees one version of a row, so all pieces are of one result.
     */
    large: (uuids: readonly string[]): string => `copy (
        select j.ref, j.id, j.state, j.attempt, j.attempted_by, least(octet_length(j.result), ${LONGEST}), at,
          substring(j.result from at for least(${PIECE}, ${LONGEST} - at + 1))
        from ${jobs} j, generate_series(1, least(octet_length(j.result), ${LONGEST}), ${PIECE}) at
        where j.ref = any('{${uuids.join(",")}}'::uuid[])
      ) to stdout (format binary)`,

    /** A statement of its own before `fetch`: in one, the read would miss an outcome that was written in between. */
    subscribe: named(
      "subscribe",
      `update ${jobs} j set reply_to = array_append(j.reply_to, $2)
      where j.ref = any($1::uuid[]) and j.state < 4 and $2 <> all(j.reply_to) returning ${STORED_COLUMNS}`,
    ),

    stage: named(
      "stage",
      `with due as materialized (
        select id from ${jobs} where state in (0, 3) and scheduled_at <= now() order by scheduled_at limit $1
        for update skip locked
      ), staged as (
        update ${jobs} set state = 1 where id = any(array(select id from due)) and state + 0 in (0, 3) returning queue, state
      ) select count(*)::int as jobs, ${wake("staged", "$2")} as woken from staged`,
    ),

    prune: named(
      "prune",
      `with old as materialized (
        select id from ${jobs} where state >= 4 and finished_at < now() - $1::float8 * interval '1 ms' order by finished_at limit $2
        for update skip locked
      ), pruned as (
        delete from ${jobs} where id = any(array(select id from old)) returning id
      ) select count(*)::int as jobs from pruned`,
    ),

    register: named(
      "register",
      `insert into ${hosts} (id, name, queues, version, lock_key) values ($1, $2, $3, $4, $5)`,
    ),

    /** No row comes back to a host that was declared lost meanwhile. */
    heartbeat: named(
      "heartbeat",
      `update ${hosts} set seen_at = now(), suspected_at = null, lock_key = $2 where id = $1 returning id`,
    ),

    /** Gives back what the host still holds by the table: claims whose reply it never had. */
    unregister: named(
      "unregister",
      `with held as materialized (
        select id from ${jobs} where state = 2 and attempted_by = $1 for update skip locked
      ), freed as (
        update ${jobs} j set state = 1, attempt = ${ATTEMPT} - 1 where id = any(array(select id from held)) and state + 0 = 2
          and attempted_by = $1
        returning state, queue
      ), gone as (
        delete from ${hosts} where id = $1
      ) select ${wake("freed", "$2")} as woken`,
    ),

    /**
     * Hosts that are lost: those whose lease ran out ($2 ms), those whose session's lock was free at two looks $3 ms
     * apart, and at all between, without a sign of life ($5 ms for those that have shown none since the server was started, or in the
     * last $4 ms, since it is back), and those that hold jobs without being registered.
     */
    lost: named(
      "lost",
      `with looked as materialized (
        select id, suspected_at >= since and suspected_at < now() - interval '1 ms'
            * case when seen_at = since then $3::float8 else $5::float8 end as confirmed,
          coalesce(suspected_at >= since, false) as suspected, seen_at < now() - $2::float8 * interval '1 ms' as expired,
          lock_key is not null and pg_try_advisory_xact_lock_shared(lock_key) as free
        from ${hosts}, greatest(seen_at, pg_postmaster_start_time(), now() - $4::float8 * interval '1 ms') since where id <> $1
      ), suspects as (
        update ${hosts} h set suspected_at = case when l.free then now() end from looked l
        where h.id = l.id and case when l.free then not l.suspected else h.suspected_at is not null end
      ) select id from looked where expired or (free and confirmed)
      union
      select attempted_by from ${jobs} j where state = 2 and attempted_by <> $1
        and not exists (select from ${hosts} h where h.id = j.attempted_by)`,
    ),

    /**
     * Puts a lost host's jobs back to work, and counts that a host died with them. Those that had begun have lost their
     * attempt; where it was the last they are discarded with the first answer given ($2, $3, $4: head, bytes, text for the
     * history), and where so many hosts died with them ($8) with the second ($5, $6, $7).
     */
    rescue: named(
      "rescue",
      `with held as materialized (
        select id, attempted_at is not null as begun,
          case when attempted_at is null then 1 when crashes + 1 >= $8 then 3 when attempt >= max_attempts then 2 else 1 end as fate
        from ${jobs} where state = 2 and attempted_by = $1 for update skip locked
      ), done as (
        update ${jobs} j set state = case when h.fate = 1 then 1 else 5 end, crashes = j.crashes + 1,
          finished_at = case when h.fate > 1 then now() end,
          errors = ${withError("case when h.fate = 3 then $7::text when h.begun then $4::text end")},
          result = case h.fate when 2 then $2::text::bytea || $3::bytea when 3 then $5::text::bytea || $6::bytea else j.result end
        from held h where j.id = h.id and j.state + 0 = 2 and j.attempted_by = $1
        returning j.id, j.state, j.queue, j.ref, j.reply_to, h.fate, case h.fate when 2 then $2::text else $5::text end as head,
          case h.fate when 2 then $3::bytea else $6::bytea end as bytes
      ), gone as (
        delete from ${hosts} where id = $1
      ) select count(*)::int as jobs, (count(*) filter (where fate = 2))::int as discarded,
        coalesce(array_agg(id::float8) filter (where fate = 3), '{}') as quarantined, ${wake("done", "$9")} as woken, (
          select count(pg_notify(${relayCh} || host, ${envelope("octet_length(d.bytes)", "d.bytes")}))
          from done d, unnest(d.reply_to) host where $9 and d.state = 5
        ) as told
      from done`,
    ),

    counts: named(
      "counts",
      `select queue, state, count(*)::int as jobs from ${jobs} where state < 4 group by queue, state order by queue, state`,
    ),
  };
}

/** The row's error history with one more entry, the newest ten kept, the oldest first. */
function withError(error: string): string {
  return `case when ${error} is null then j.errors else jsonb_path_query_array(j.errors || jsonb_build_object(
    'at', now(), 'attempt', ${ATTEMPT}, 'error', ${error}), '$[last - 9 to last]') end`;
}

/** Named by its text too: behind a pooler, sessions may hold what another prefix or release has prepared. */
function named(name: string, text: string): Statement {
  return { name: `baton_${name}_${createHash("sha1").update(text).digest("hex").slice(0, 8)}`, text };
}

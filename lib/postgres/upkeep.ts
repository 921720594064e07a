import { ATTEMPT, named, offered, peers, tablesOf, tell, wake, withError } from "./fragments.js";

/** The answer of a rescued job, where it has one. */
const HEAD = "case h.fate when 2 then $2::text when 3 then $5::text end";
const BYTES = "case h.fate when 2 then $3::bytea else $6::bytea end";

/** The statements that keep the table in order, and tell who lives. */
export function upkeep(prefix: string) {
  const { jobs, hosts } = tablesOf(prefix);

  return {
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
      `insert into ${hosts} (id, name, queues, version, lock_key, workers) values ($1, $2, $3, $4, $5, $6)`,
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
        returning ${wake(prefix, "$2")}
      ), gone as (
        delete from ${hosts} where id = $1
      ) select from freed`,
    ),

    /**
     * What a host looks after again and again, in one round trip. `staged`: how many scheduled and retryable jobs it has made
     * available, $6 at most. `queues`: those of $7 with jobs that are available. `lost`: hosts that are lost: those whose lease
     * ran out ($2 ms), those whose session's lock was free at two looks $3 ms apart, and at all between, without a sign of life
     * ($5 ms for those that have shown none since the server was started, or in the last $4 ms, since it is back), and those that
     * hold jobs without being registered. `suspects`: whether more may be lost at the next look.
     */
    tend: named(
      "tend",
      `with due as materialized (
        select id from ${jobs} where state in (0, 3) and scheduled_at <= now() order by scheduled_at limit $6
        for update skip locked
      ), staged as (
        update ${jobs} j set state = 1 where id = any(array(select id from due)) and state + 0 in (0, 3)
        returning ${wake(prefix, "$8")}
      ), looked as materialized (
        select id, suspected_at >= since and suspected_at < now() - interval '1 ms'
            * case when seen_at = since then $3::float8 else $5::float8 end as confirmed,
          coalesce(suspected_at >= since, false) as suspected, seen_at < now() - $2::float8 * interval '1 ms' as expired,
          lock_key is not null and pg_try_advisory_xact_lock_shared(lock_key) as free
        from ${hosts}, greatest(seen_at, pg_postmaster_start_time(), now() - $4::float8 * interval '1 ms') since where id <> $1
      ), suspects as (
        update ${hosts} h set suspected_at = case when l.free then now() end from looked l
        where h.id = l.id and case when l.free then not l.suspected else h.suspected_at is not null end
      ) select (select count(*)::int from staged) as staged,
        array(select q from pg_catalog.unnest($7::text[]) q where ${offered(prefix, "q", `(select workers from ${hosts} where id = $1)`)}) as queues,
        ${peers(prefix, "$7::text[]", "$1")} as peers,
        exists (select from looked where free and not coalesce(confirmed, false)) as suspects,
        array(select id from looked where expired or (free and confirmed)
          union select attempted_by from ${jobs} j where state = 2 and attempted_by <> $1
            and not exists (select from ${hosts} h where h.id = j.attempted_by)) as lost`,
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
        returning j.id, h.fate, ${wake(prefix, "$9")}, ${tell(prefix, "$1", HEAD, BYTES, "$9")}
      ), gone as (
        delete from ${hosts} where id = $1
      ) select count(*)::int as jobs, (count(*) filter (where fate = 2))::int as discarded,
        coalesce(array_agg(id::float8) filter (where fate = 3), '{}') as quarantined
      from done`,
    ),

    counts: named(
      "counts",
      `select queue, state, count(*)::int as jobs from ${jobs} where state < 4 group by queue, state order by queue, state`,
    ),
  };
}

import {
  ALONE,
  ATTEMPT,
  expiry,
  named,
  offered,
  peers,
  relaxed,
  tablesOf,
  tell,
  wake,
  withError,
} from "./fragments.js";

/** When a host was seen, in whole µs: compared for change only, so that nothing depends on the server's clock. */
const SEEN = "(pg_catalog.date_part('epoch', seen_at) * 1000000::pg_catalog.float8)::bigint";

/** Jobs at the head of a queue among which foreign ones decide how it is claimed from. */
const FIRST = 64;

/**
 * The statements that keep the table in order, and tell who lives.
 *
 * @param retention ms that rows which this host finishes are kept.
 */
export function upkeep(prefix: string, retention: number) {
  const { jobs, hosts } = tablesOf(prefix);

  return {
    /**
     * Deletes rows whose time is over, $1 at most. Rows without a time were finished by hand or by an older release: as many
     * of these get one, by this host's retention.
     */
    prune: named(
      "prune",
      `with old as materialized (
        select id from ${jobs} where state >= 4 and expires_at <= pg_catalog.now() order by expires_at limit $1
        for update skip locked
      ), pruned as (
        delete from ${jobs} where id = any(array(select id from old)) returning id
      ), undated as materialized (
        select id from ${jobs} where state >= 4 and expires_at is null limit $1 for update skip locked
      ), dated as (
        update ${jobs} set expires_at = ${expiry("coalesce(finished_at, pg_catalog.now())", retention)}
        where id = any(array(select id from undated)) returning id
      ) select (select pg_catalog.count(*)::int from pruned) as pruned, (select pg_catalog.count(*)::int from dated) as dated`,
    ),

    register: named(
      "register",
      `insert into ${hosts} (id, name, queues, workers, version, lock_key) values ($1, $2, $3, $4, $5, $6)
      on conflict (id) do update set lock_key = excluded.lock_key, beat = ${hosts}.beat + 1
      returning beat`,
    ),

    /**
     * A heartbeat. No row comes back to a host that was declared lost meanwhile. A heartbeat that was overtaken by a later
     * connection's must not bring back the lock of the earlier one: keys only rise. An older release judges by `seen_at`.
     */
    beat: named(
      "beat",
      `update ${hosts} set beat = beat + 1, seen_at = pg_catalog.now(), suspected_at = null,
        lock_key = case when $2::bigint is not null then greatest(lock_key, $2) end
      where id = $1 returning beat`,
    ),

    /** Gives back what the host still holds by the table: claims whose reply it never had. */
    unregister: named(
      "unregister",
      `with held as materialized (
        select id from ${jobs} where state = 2 and attempted_by = $1 order by id for update skip locked
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
     * available, $2 at most. `queues`: those of $3 with jobs of this host's workers that are available. `mixed`: those of $3 with
     * jobs of other workers among the first. `hosts`: each host's last sign of life, and
     * whether the lock of its session is free. `held`, where $4: the jobs that this host holds by the table. `orphans`: hosts
     * that hold jobs without being registered.
     */
    tend: named(
      "tend",
      `with due as materialized (
        select id from ${jobs} where state in (0, 3) and scheduled_at <= pg_catalog.now() order by scheduled_at limit $2
        for update skip locked
      ), staged as (
        update ${jobs} j set state = 1 where id = any(array(select id from due)) and state + 0 in (0, 3)
        returning ${wake(prefix, "$5")}
      ) select (select pg_catalog.count(*)::int from staged) as staged,
        array(select q from pg_catalog.unnest($3::pg_catalog.text[]) q where ${offered(prefix, "q", `(select workers from ${hosts} where id = $1)`)}) as queues,
        array(select q from pg_catalog.unnest($3::pg_catalog.text[]) q where exists (select from (
          select worker from ${jobs} where state = 1 and queue = q order by priority, scheduled_at, id limit ${FIRST}
        ) first where worker <> all((select workers from ${hosts} where id = $1)::pg_catalog.text[]))) as mixed,
        (select pg_catalog.json_agg(pg_catalog.json_build_array(id, beat, ${SEEN}, lock_key::pg_catalog.text,
          lock_key is not null and pg_catalog.pg_try_advisory_xact_lock_shared(lock_key))) from ${hosts}) as hosts,
        ${peers(prefix, "$3::pg_catalog.text[]", "$1")} as peers,
        case when $4::boolean then
          (select pg_catalog.json_agg(pg_catalog.json_build_array(id, claim)) from ${jobs} where state = 2 and attempted_by = $1)
        end as held,
        array(select distinct attempted_by from ${jobs} j where state = 2 and attempted_by <> $1
          and not exists (select from ${hosts} h where h.id = j.attempted_by)) as orphans`,
    ),

    /**
     * Takes host $1 off the list and puts its jobs back to work, if it has shown no life since the look that found it lost: its
     * beat is still $2 and $3, its lock $4, and that, where $5, still free. An orphan's jobs ($2 null) are taken if it is still not
     * registered. Jobs that had begun have spent their attempt; where it was the last they are discarded with the answer given
     * ($7, $8, $9: head, bytes, text for the history).
     *
     * Where $6, the host's process is known to have died: each job is counted as present (`deaths`), and those that had begun as
     * possible causes (`crashes`). A job that ran alone, in a process of its own, cannot be the cause.
     */
    rescue: named(
      "rescue",
      `with doomed as materialized (
        select id from ${hosts} where id = $1 and beat = $2::bigint and ${SEEN} = $3::bigint and lock_key is not distinct from $4::bigint
          and (not $5::boolean or pg_catalog.pg_try_advisory_xact_lock(lock_key)) for update skip locked
      ), gone as (
        delete from ${hosts} where id in (select id from doomed)
      ), held as materialized (
        select id, attempted_at is not null as begun, attempted_at is not null and attempt >= max_attempts as exhausted,
          $6::boolean and not ${ALONE} as blamed
        from ${jobs} where state = 2 and attempted_by = $1 and (exists (select from doomed)
          or $2::bigint is null and not exists (select from ${hosts} where id = $1)) order by id for update skip locked
      ), done as (
        update ${jobs} j set state = case when h.exhausted then 5 else 1 end, deaths = j.deaths + h.blamed::int,
          crashes = j.crashes + (h.blamed and h.begun)::int,
          finished_at = case when h.exhausted then pg_catalog.now() end,
          expires_at = case when h.exhausted then ${expiry("pg_catalog.now()", retention)} end,
          errors = ${withError("case when h.begun then $9::pg_catalog.text end")},
          result = case when h.exhausted then $7::pg_catalog.text::pg_catalog.bytea || $8::pg_catalog.bytea else j.result end
        from held h where j.id = h.id and j.state + 0 = 2 and j.attempted_by = $1
        returning j.id, h.exhausted, ${wake(prefix, "$10")}, ${tell(prefix, "''", "case when h.exhausted then $7::pg_catalog.text end", "$8::pg_catalog.bytea", "$10")}
      ) select pg_catalog.count(*)::int as jobs, (pg_catalog.count(*) filter (where exhausted))::int as discarded,
        exists (select from doomed) as gone
      from done`,
    ),

    /** How often a job has taken down the process in which it ran alone. */
    accused: named(
      "accused",
      `select alone from ${jobs} where id = $1 and claim = $2 and attempted_by = $3 and state + 0 = 2`,
    ),

    /** Sets that to $4: nobody else writes it meanwhile, and a retry after a lost reply counts nothing twice. */
    accuse: named(
      "accuse",
      `update ${jobs} set alone = $4 where id = $1 and claim = $2 and attempted_by = $3 and state + 0 = 2
      returning alone`,
    ),

    /** A job that came through alone is suspected no more. */
    absolve: named(
      "absolve",
      `update ${jobs} set alone = 0, deaths = 0, crashes = 0
      where ${relaxed()} and id = $1 and claim = $2 and attempted_by = $3 and state + 0 = 2`,
    ),

    counts: named(
      "counts",
      `select queue, state, pg_catalog.count(*)::int as jobs from ${jobs} where state < 4
      group by queue, state order by queue, state`,
    ),
  };
}

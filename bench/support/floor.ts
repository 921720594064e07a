import { once } from "node:events";
import pg from "pg";
import { dropSchema } from "./environment.js";

/**
 * What the same durable steps cost when written by hand on bare pg, with no library, no threads and no checks: a row inserted
 * and its host told, claimed, completed and its caller told. No Baton can be faster than this with the same guarantees.
 */
const FLOOR_SCHEMA = "baton_bench_floor";

const TABLE = `${FLOOR_SCHEMA}.jobs`;

const INSERT = {
  name: "floor_insert",
  text: `with i as (insert into ${TABLE} (state, args) values (1, $1) returning id) select id, pg_notify('floor_insert', '') from i`,
};
const INSERT_CLAIMED = {
  name: "floor_insert_claimed",
  text: `insert into ${TABLE} (state, args) values (2, $1) returning id`,
};
const CLAIM = {
  name: "floor_claim",
  text: `update ${TABLE} set state = 2 where id = (select id from ${TABLE} where state = 1 order by id limit 1 for update skip locked) returning id`,
};
const COMPLETE = {
  name: "floor_complete",
  text: `with d as (update ${TABLE} set state = 4, result = $2 where id = $1 returning id) select pg_notify('floor_done', id::text) from d`,
};
const COMPLETE_SILENTLY = {
  name: "floor_complete_silently",
  text: `update ${TABLE} set state = 4, result = $2 where id = $1`,
};
const RESULT = Buffer.from("84");

export async function createFloor(url: string): Promise<void> {
  const client = await connected(url);
  await client.query(`set client_min_messages = warning; drop schema if exists ${FLOOR_SCHEMA} cascade; create schema ${FLOOR_SCHEMA};
    create table ${TABLE} (id bigint generated always as identity primary key, state smallint, args jsonb, result bytea);
    create index on ${TABLE} (id) where state = 1`);
  await client.end();
}

export async function dropFloor(url: string): Promise<void> {
  await dropSchema(url, FLOOR_SCHEMA);
}

/** The host's side by hand. */
export async function startFloorHost(url: string): Promise<() => Promise<void>> {
  const [listener, client] = await Promise.all([connected(url), connected(url)]);
  listener.on("notification", () => {
    void (async () => {
      const { rows } = await client.query<{ id: string }>(CLAIM);
      if (rows[0] !== undefined) await client.query({ ...COMPLETE, values: [rows[0].id, RESULT] });
    })();
  });
  await listener.query("listen floor_insert");
  return async () => {
    await Promise.all([listener.end(), client.end()]);
  };
}

export interface FloorCaller {
  /** Inserts, and resolves when the other process has told that it is done. */
  callRemote(): Promise<void>;
  /** Inserts as claimed and completes: two durable statements, what one process needs at least. */
  callLocal(): Promise<void>;
  stop(): Promise<void>;
}

/** The caller's side by hand, for one call at a time. */
export async function startFloorCaller(url: string): Promise<FloorCaller> {
  const [listener, client] = await Promise.all([connected(url), connected(url)]);
  await listener.query("listen floor_done");
  return {
    async callRemote() {
      const done = once(listener, "notification");
      await client.query({ ...INSERT, values: ['{"int":42}'] });
      await done;
    },
    async callLocal() {
      const { rows } = await client.query<{ id: string }>({ ...INSERT_CLAIMED, values: ['{"int":42}'] });
      await client.query({ ...COMPLETE_SILENTLY, values: [rows[0]?.id, RESULT] });
    },
    async stop() {
      await Promise.all([listener.end(), client.end()]);
    },
  };
}

async function connected(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  return client;
}

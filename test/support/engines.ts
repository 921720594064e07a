import pg from "pg";
import { type Answer, ANSWER_KINDS, answerWith, bareAnswer } from "../../lib/job/answer.js";
import type { ClaimedJob } from "../../lib/job/job.js";
import type { Transition } from "../../lib/job/transition.js";
import { Database } from "../../lib/postgres/database.js";
import type { Registration } from "../../lib/engine/hosts.js";
import type { Loss } from "../../lib/engine/rescue.js";
import { Engine } from "../../lib/engine/engine.js";
import { migrate } from "../../lib/engine/migrations.js";
import { type Operations, operations } from "../../lib/engine/operations.js";
import { Telemetry } from "../../lib/telemetry.js";
import { createDatabase, type TestDatabase } from "./database.js";
import { until } from "./until.js";

/**
 * The registration of a host of the queue `default`, with an advisory lock if it has a `lockKey`.
 */
export function registration(name: string, lockKey: string | null = null): Registration {
  return { name, queues: { default: 1 }, workers: ["double"], version: "0", lockKey };
}

/** Operations with a prepared statement. */
type OperationName = Exclude<keyof Operations, "largeAnswers">;

/** The engines of two registered hosts on one database, with a listener to their notifications. */
export class Engines {
  readonly url: string;
  readonly database: Database;
  readonly sql: pg.Client;
  readonly one: Engine;
  readonly two: Engine;
  /** The notifications to both hosts, and those of inserts, since the last `reset`. */
  heard: { channel: string; payload: string }[] = [];
  readonly #test: TestDatabase;

  private constructor(test: TestDatabase) {
    this.#test = test;
    this.url = test.url;
    this.database = new Database(test.url, "test", new Telemetry("test"));
    this.sql = new pg.Client({ connectionString: test.url });
    this.one = new Engine(this.database, "baton", "one");
    this.two = new Engine(this.database, "baton", "two");
  }

  static async start(): Promise<Engines> {
    const engines = new Engines(await createDatabase());
    const { database, sql } = engines;
    await database.start();
    await migrate(database, "baton");
    await sql.connect();
    sql.on("notification", ({ channel, payload = "" }) => engines.heard.push({ channel, payload }));
    for (const channel of ["baton.insert", "baton.relay.one", "baton.relay.two"])
      await sql.query(`listen "${channel}"`);
    return engines;
  }

  async stop(): Promise<void> {
    await this.sql.end();
    await this.database.stop();
    await this.#test.drop();
  }

  async reset(): Promise<void> {
    await this.sql.query("truncate baton.jobs, baton.hosts");
    await this.one.register(registration("one"));
    await this.two.register(registration("two"));
    await this.settle();
    this.heard = [];
  }

  async claimOne(engine: Engine): Promise<ClaimedJob> {
    const [job] = (await engine.claim("default", 1)).jobs;
    if (job === undefined) throw new Error("nothing to claim");
    return job;
  }

  /** Declares a host lost, as of its present row. */
  async lossOf(id: string, { died = true, unlocked = false } = {}): Promise<Loss> {
    const { hosts } = await this.one.tend(0, []);
    return { id, sighting: hosts.find((host) => host.id === id) ?? null, unlocked, died };
  }

  /** Sends a heartbeat for a host; false if its row is gone. */
  async beat(engine: Engine, lockKey: string | null = null): Promise<boolean> {
    return (await this.sql.query(engine.heartbeat.text, [engine.host, lockKey])).rowCount === 1;
  }

  /** The attempts that are counted on the rows of jobs, in the order of ids. */
  async attempts(jobs: readonly ClaimedJob[]): Promise<number[]> {
    const ids = jobs.map(({ id }) => id);
    const { rows } = await this.sql.query<{ attempt: number }>(
      "select attempt from baton.jobs where id = any($1) order by id",
      [ids],
    );
    return rows.map(({ attempt }) => attempt);
  }

  /**
   * Counts the pages that a statement touches, planned as on a host's
   * connection. Rolls back its changes.
   */
  async explain(name: OperationName, values: unknown[]): Promise<{ buffers: number }> {
    await this.sql.query(
      "begin; set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off",
    );
    try {
      const text = `explain (analyze, buffers, format json) ${operations("baton")[name].text}`;
      const { rows } = await this.sql.query<{ "QUERY PLAN": [{ Plan: Record<string, number> }] }>(text, values);
      const plan = rows[0]?.["QUERY PLAN"][0].Plan;
      return { buffers: (plan?.["Shared Hit Blocks"] ?? 0) + (plan?.["Shared Read Blocks"] ?? 0) };
    } finally {
      await this.sql.query("rollback");
    }
  }

  /** Resolves once every notification sent so far has arrived. */
  async settle(): Promise<void> {
    await this.sql.query("select pg_notify('baton.insert', 'settled')");
    await until(() => this.heard.some(({ payload }) => payload === "settled"), "the notifications");
    this.heard = this.heard.filter(({ payload }) => payload !== "settled");
  }
}

/** The transition of a job that completes. */
export function completed(answer: Answer = bareAnswer(ANSWER_KINDS.completed)): Transition {
  return { state: "completed", answer, delay: 0, counted: true, error: null };
}

/** The transition of a job that is released. */
export const RELEASED: Transition = { state: "available", answer: null, delay: 0, counted: false, error: null };

export function valueOf(bytes: Uint8Array): Answer {
  return answerWith(ANSWER_KINDS.value, { encoding: "b", bytes });
}

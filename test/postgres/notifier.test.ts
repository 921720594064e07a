import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import pg from "pg";
import type { Notifier } from "../../lib/notifier.js";
import { MemoryNotifier } from "../support/memory-notifier.js";
import { Database, type Statement } from "../../lib/postgres/database.js";
import { PostgresNotifier } from "../../lib/postgres/notifier.js";
import { Telemetry } from "../../lib/telemetry.js";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { until } from "../support/until.js";

describe("a notifier", () => {
  let test: TestDatabase;
  let database: Database;

  before(async () => {
    test = await createDatabase();
    database = new Database(test.url, "test", new Telemetry("test"));
    await database.start();
  });

  after(async () => {
    await database.stop();
    await test.drop();
  });

  const overPostgres = (on = database, telemetry = new Telemetry("test")): PostgresNotifier =>
    new PostgresNotifier({ database: on, telemetry, probeChannel: "probes", busy: () => true });

  for (const [kind, make] of [
    ["in memory", () => new MemoryNotifier()],
    ["over PostgreSQL", () => overPostgres()],
  ] as [string, () => Notifier][]) {
    describe(kind, () => {
      let notifier: Notifier;

      beforeEach(async () => {
        notifier = make();
        await notifier.start();
      });

      afterEach(() => notifier.stop());

      it("calls the handlers of a channel with each payload in order, and no others", async () => {
        const heard: string[] = [];
        await notifier.listen("a", (payload) => heard.push(`a ${payload}`));
        await notifier.listen("a", (payload) => heard.push(`a too ${payload}`));
        await notifier.listen("B.c-d", (payload) => heard.push(`b ${payload}`));
        await notifier.notify("a", "1");
        await notifier.notify("nobody's", "2");
        await notifier.notify("B.c-d", "3");
        await until(() => heard.length === 3, "three payloads");
        expect(heard).to.deep.equal(["a 1", "a too 1", "b 3"]);
      });

      it("may start twice and stop twice", async () => {
        await notifier.start();
        await notifier.stop();
        await notifier.stop();
      });

      it("is in the mode `notify`", () => {
        expect(notifier.mode).to.equal("notify");
      });
    });
  }

  it("may stop before it starts", () => overPostgres().stop());

  it("calls the other handlers when one throws", async () => {
    const telemetry = new Telemetry("test");
    const notifier = overPostgres(database, telemetry);
    await notifier.start();
    try {
      const heard: string[] = [];
      await notifier.listen("a", () => {
        throw new Error("mine");
      });
      await notifier.listen("a", (payload) => heard.push(payload));
      await notifier.notify("a", "1");
      await until(() => heard.length === 1, "the other handler");
      expect(telemetry.counts()).to.deep.equal({ "service:error": 1 });
    } finally {
      await notifier.stop();
    }
  });

  it("listens again after its connection is terminated, and reports the gap", async () => {
    const notifier = overPostgres();
    const sql = new pg.Client({ connectionString: test.url });
    await sql.connect();
    const listeners = async (): Promise<number[]> =>
      (
        await sql.query<{ pid: number }>(
          "select pid from pg_stat_activity where datname = current_database() and query like 'listen %'",
        )
      ).rows.map(({ pid }) => pid);
    try {
      await notifier.start();
      const heard: string[] = [];
      let gaps = 0;
      notifier.onRestore(() => {
        gaps += 1;
      });
      await notifier.listen("a", (payload) => heard.push(payload));
      const [before] = await listeners();
      await sql.query("select pg_terminate_backend($1)", [before]);
      await until(() => gaps === 1, "the report of the gap");
      expect(await listeners()).to.not.include(before);
      await notifier.notify("a", "after");
      await until(() => heard.includes("after"), "the notification after the gap");
    } finally {
      await notifier.stop();
      await sql.end();
    }
  });

  describe("that is doubted", () => {
    /**
     * Counts the notifications and, while `deaf`, loses them as a pooler in transaction mode does.
     */
    class Counting extends Database {
      sent = 0;
      deaf = false;

      override async query<Row extends object>(statement: Statement, values: unknown[]): Promise<Row[]> {
        if (statement.name !== "baton_notify") return super.query(statement, values);
        this.sent += 1;
        return this.deaf ? [] : super.query(statement, values);
      }
    }

    let counting: Counting;
    let notifier: PostgresNotifier;

    beforeEach(async () => {
      counting = new Counting(test.url, "test", new Telemetry("test"));
      await counting.start();
      notifier = overPostgres(counting);
      await notifier.start();
    });

    afterEach(async () => {
      await notifier.stop();
      await counting.stop();
    });

    it("notices within seconds that notifications do not arrive any more", async () => {
      counting.deaf = true;
      notifier.doubt();
      await until(() => notifier.mode === "polling", "the loss to be noticed", 5_000);
    });

    it("sends no probe if a notification arrives meanwhile, and otherwise only one for many doubts", async () => {
      const sql = new pg.Client(test.url);
      await sql.connect();
      try {
        const before = counting.sent;
        notifier.doubt();
        await sql.query("select pg_notify('probes', 'anything')");
        await sleep(1_500);
        expect(counting.sent - before, "probes for a doubt that a notification dispelled").to.equal(0);
        for (let round = 0; round < 4; round += 1) {
          notifier.doubt();
          await sleep(600);
        }
        expect(counting.sent - before, "probes for doubts that none dispelled").to.equal(1);
        expect(notifier.mode).to.equal("notify");
      } finally {
        await sql.end();
      }
    });
  });

  it("detects that notifications do not arrive, and polls", async () => {
    /** Loses all notifications, as a pooler in transaction mode does. */
    class Deaf extends Database {
      override async query<Row extends object>(statement: Statement, values: unknown[]): Promise<Row[]> {
        return statement.name === "baton_notify" ? [] : super.query(statement, values);
      }
    }
    const telemetry = new Telemetry("test");
    const deaf = new Deaf(test.url, "test", telemetry);
    await deaf.start();
    const notifier = overPostgres(deaf, telemetry);
    try {
      await notifier.start();
      expect(notifier.mode).to.equal("polling");
      expect(telemetry.counts()).to.deep.equal({ "notifier:mode": 1 });
    } finally {
      await notifier.stop();
      await deaf.stop();
    }
  });
});

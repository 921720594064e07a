import { expect } from "chai";
import pg from "pg";
import { Baton, BatonError, type NewJob, type Relay } from "../lib/index.js";
import double from "../examples/workers/double.js";
import echo from "../examples/workers/echo.js";
import { createDatabase, type TestDatabase, testDatabase } from "./support/database.js";
import { Hosts } from "./support/hosts.js";
import { rejection } from "./support/rejection.js";

const cycle: { self?: unknown } = {};
cycle.self = cycle;
class Point {
  readonly x = 1;
}

/** Jobs that cannot be inserted, the invalid field, and a word of the expected problem. */
const REFUSED_JOBS: readonly (readonly [what: string, job: unknown, field: string, says: string])[] = [
  ["nothing at all", undefined, "job", "Double.new("],
  ["a worker instead of its job", double, "job", "Double.new("],
  ["undefined inside an array", echo.new({ value: [1, undefined] }), "args.value[1]", "undefined"],
  ["a hole in an array", echo.new({ value: Array(1) }), "args.value[0]", "undefined"],
  ["a bigint", echo.new({ value: { deep: [1n] } }), "args.value.deep[0]", "pass a string"],
  ["a cycle", echo.new({ value: cycle }), "args.value.self", "circular reference"],
  ["a function", echo.new({ value: () => 1 }), "args.value", "function"],
  ["a symbol", echo.new({ value: Symbol("s") }), "args.value", "symbol"],
  ["NaN", echo.new({ value: Number.NaN }), "args.value", "NaN"],
  ["Infinity", echo.new({ value: Infinity }), "args.value", "Infinity"],
  ["a Date", echo.new({ value: new Date() }), "args.value", "Date"],
  ["a Map", echo.new({ value: new Map() }), "args.value", "Map"],
  ["a class instance", echo.new({ value: new Point() }), "args.value", "Point"],
  ["a NUL character", echo.new({ value: "a\0b" }), "args.value", "NUL"],
  ["half a surrogate pair", echo.new({ value: "\uD83D" }), "args.value", "surrogate"],
  ["a key with NUL", echo.new({ value: { "\0": 1 } }), "args.value key", "NUL"],
  ["a queue with a bad name", echo.new({ value: 1 }, { queue: "a b" }), "queue", "letters"],
  ["a negative priority", echo.new({ value: 1 }, { priority: -1 }), "priority", "0"],
  ["no attempts", echo.new({ value: 1 }, { maxAttempts: 0 }), "maxAttempts", "1"],
  ["too many attempts for the column", echo.new({ value: 1 }, { maxAttempts: 32_768 }), "maxAttempts", "32767"],
  ["tags that are numbers", echo.new({ value: 1 }, { tags: [1 as never] }), "tags", "strings"],
  ["meta that is an array", echo.new({ value: 1 }, { meta: [] as never }), "meta", "object"],
  ["meta that is not JSON", echo.new({ value: 1 }, { meta: { a: 1n } }), "meta.a", "bigint"],
  ["a negative delay", echo.new({ value: 1 }, { scheduleIn: -1 }), "scheduleIn", "ms from 0"],
  ["an endless delay", echo.new({ value: 1 }, { scheduleIn: Infinity }), "scheduleIn", "century"],
  ["a time that is none", echo.new({ value: 1 }, { scheduledAt: new Date(Number.NaN) }), "scheduledAt", "valid Date"],
  ["a time as text", echo.new({ value: 1 }, { scheduledAt: "tomorrow" as never }), "scheduledAt", "valid Date"],
  ["two times", echo.new({ value: 1 }, { scheduledAt: new Date(), scheduleIn: 1 }), "scheduleIn", "combined with"],
  ["an option misspelt", echo.new({ value: 1 }, { prio: 1 } as never), "prio", "unknown"],
  ["options that are null", { worker: "echo", args: {}, options: null }, "job", "Double.new("],
];

/** Values that are not relays, and a word of the expected message. */
const NO_RELAYS: readonly (readonly [what: string, value: unknown, says: string])[] = [
  ["nothing", undefined, "undefined"],
  ["null", null, "null"],
  ["a string", "abc", "string"],
  ["a job", double.new({ int: 1 }), "ref"],
  ["a promise of a relay", Promise.resolve({}), "await async() first"],
  ["a malformed ref", { job: { id: 1, worker: "w", queue: "q" }, host: "h", ref: "'; drop" }, "ref"],
  ["one without a job", { host: "h", ref: "A".repeat(22) }, "job"],
];

describe("Baton", () => {
  let database: TestDatabase;
  let hosts: Hosts;
  let baton: Baton;
  let sql: pg.Client;

  before(async () => {
    database = await createDatabase();
    hosts = new Hosts(database.url);
    baton = await hosts.start();
    sql = new pg.Client(database.url);
    await sql.connect();
  });

  after(async () => {
    await hosts.stop();
    await sql.end();
    await database.drop();
  });

  async function jobs(): Promise<number> {
    const { rows } = await sql.query<{ jobs: number }>("select count(*)::int as jobs from baton.jobs");
    return rows[0]?.jobs ?? 0;
  }

  describe("refuses a job with", () => {
    for (const [what, job, field, says] of REFUSED_JOBS) {
      it(`${what}: one InvalidJobError, nothing inserted, no slot held`, async () => {
        const before = await jobs();
        const { held } = baton.status().relays;
        for (const call of [
          () => baton.async(job as NewJob),
          () => baton.insert(job as NewJob),
          () => baton.call(job as NewJob),
          () => baton.asyncMany([double.new({ int: 1 }), job as NewJob]),
          () => baton.insertMany([double.new({ int: 1 }), job as NewJob]),
        ]) {
          const error = await rejection(call());
          expect(error).to.include({ name: "InvalidJobError", code: "ERR_BATON_INVALID_JOB" });
          expect(error.message).to.include(field).and.include(says);
        }
        expect(await jobs()).to.equal(before);
        expect(baton.status().relays.held).to.equal(held);
      });
    }

    it("several problems: lists each", async () => {
      const job = echo.new({ value: [1n, undefined] }, { queue: "", priority: 0.5 });
      const error = await rejection(baton.async(job));
      expect(error)
        .to.have.property("problems")
        .that.satisfies((problems: { field: string }[]) => {
          expect(problems.map(({ field }) => field)).to.have.members([
            "args.value[0]",
            "args.value[1]",
            "queue",
            "priority",
          ]);
          return true;
        });
    });

    it("anything but an array of jobs", async () => {
      for (const call of [
        () => baton.asyncMany(double.new({ int: 1 }) as never),
        () => baton.insertMany(undefined as never),
      ]) {
        expect(await rejection(call())).to.include({ code: "ERR_BATON_INVALID_JOB" });
      }
    });
  });

  describe("refuses to await", () => {
    for (const [what, value, says] of NO_RELAYS) {
      it(`${what}: InvalidRelayError`, async () => {
        for (const call of [() => baton.await(value as Relay), () => baton.awaitMany([value as Relay])]) {
          const error = await rejection(call());
          expect(error).to.include({ name: "InvalidRelayError", code: "ERR_BATON_INVALID_RELAY" });
          expect(error.message).to.include(says).and.include("async()");
        }
      });
    }

    it("relays that are not an array: InvalidOptionError", async () => {
      const error = await rejection(baton.awaitMany({} as never));
      expect(error).to.include({ code: "ERR_BATON_INVALID_OPTION", option: "relays" });
    });

    for (const [what, options, option] of [
      ["for a negative time", -1, "timeout"],
      ["for NaN", Number.NaN, "timeout"],
      ["for a text", "5000", "timeout"],
      ["with a negative timeout", { timeout: -1 }, "timeout"],
      ["with an option misspelt", { retries: true }, "retries"],
      ["with withRetries as text", { withRetries: "yes" }, "withRetries"],
      ["with a controller instead of its signal", { signal: new AbortController() }, "signal"],
      ["with null", null, "await"],
    ] as const) {
      it(`${what}: InvalidOptionError, and call has inserted nothing`, async () => {
        const relay = await baton.async(double.new({ int: 1 }));
        const before = await jobs();
        for (const call of [
          () => baton.await(relay, options as never),
          () => baton.awaitMany([relay], options as never),
          () => baton.call(double.new({ int: 1 }), options as never),
        ]) {
          expect(await rejection(call())).to.include({ code: "ERR_BATON_INVALID_OPTION", option });
        }
        expect(await jobs()).to.equal(before);
        expect(baton.status().relays.awaited).to.equal(0);
      });
    }

    it("with a signal that is aborted already: its reason, and call has inserted nothing", async () => {
      const before = await jobs();
      const reason = new Error("gone");
      const signal = AbortSignal.abort(reason);
      expect(await rejection(baton.call(double.new({ int: 1 }), { signal }))).to.equal(reason);
      expect(await jobs()).to.equal(before);
    });
  });

  describe("before start and after stop", () => {
    const calls: Readonly<Record<string, (instance: Baton) => unknown>> = {
      async: (instance) => instance.async(double.new({ int: 1 })),
      asyncMany: (instance) => instance.asyncMany([]),
      insert: (instance) => instance.insert(double.new({ int: 1 })),
      insertMany: (instance) => instance.insertMany([]),
      await: (instance) => instance.await({} as Relay),
      awaitMany: (instance) => instance.awaitMany([]),
      call: (instance) => instance.call(double.new({ int: 1 })),
      counts: (instance) => instance.counts(),
      jobs: (instance) => instance.jobs().next(),
    };

    for (const [name, call] of Object.entries(calls)) {
      it(`refuses ${name}: NotStartedError, then StoppedError`, async () => {
        const instance = hosts.make();
        const fresh = await rejection((async () => call(instance))());
        expect(fresh).to.include({ name: "NotStartedError", code: "ERR_BATON_NOT_STARTED" });
        expect(fresh.message).to.include("start()");
        await instance.start();
        await instance.stop();
        expect(await rejection((async () => call(instance))())).to.include({ code: "ERR_BATON_STOPPED" });
      });
    }
  });

  describe("refuses to list jobs by", () => {
    for (const [what, filter, option] of [
      ["a misspelt condition", { status: "completed" }, "status"],
      ["an unknown state", { state: "failed" }, "state"],
      ["null", null, "filter"],
      ["ids that are not numbers", { ids: ["a"] }, "ids[0]"],
      ["a single id", { ids: 7 }, "ids"],
      ["a queue that is not a string", { queue: 7 }, "queue"],
    ] as const) {
      it(what, async () => {
        const error = await rejection(baton.jobs(filter as never).next());
        expect(error).to.include({ code: "ERR_BATON_INVALID_OPTION", option });
      });
    }
  });

  describe("does not start", () => {
    async function startError(connection: string, prefix = "baton"): Promise<BatonError> {
      const instance = new Baton({ connection, prefix, queues: { default: 1 }, threads: 1 });
      const error = await rejection(instance.start());
      expect(error).to.be.instanceOf(BatonError);
      expect(error).to.include({ name: "DatabaseError" });
      expect(instance.status()).to.include({ state: "idle", host: null });
      await instance.stop();
      return error as BatonError;
    }

    it("if no database answers: names the address", async () => {
      const error = await startError("postgres://baton@127.0.0.1:1/db");
      expect(error.code).to.equal("ERR_BATON_DATABASE_UNREACHABLE");
      expect(error.message).to.include("127.0.0.1:1/db").and.include("connection option");
    });

    it("if the host name has no address", async () => {
      const error = await startError("postgres://baton@nowhere.invalid/db");
      expect(error.code).to.equal("ERR_BATON_DATABASE_UNREACHABLE");
      expect(error.message).to.include("nowhere.invalid");
    });

    it("if the database does not exist", async () => {
      const url = new URL((await testDatabase()).url);
      url.pathname = "/no_such_database";
      const error = await startError(url.href);
      expect(error.code).to.equal("ERR_BATON_DATABASE_REFUSED");
      expect(error.message).to.include("no_such_database");
    });

    it("with a wrong password: does not show it", async function () {
      const url = new URL(database.url);
      url.password = "wr0ng-passw0rd";
      const trusting = new pg.Client(url.href);
      const trusts = await trusting.connect().then(
        () => true,
        () => false,
      );
      await trusting.end();
      // A server that trusts local clients cannot refuse a password.
      if (trusts) return this.skip();
      const error = await startError(url.href);
      expect(error.code).to.equal("ERR_BATON_DATABASE_REFUSED");
      expect(error.message).to.include("password").and.not.include("wr0ng");
    });

    it("if the schema is newer than this release", async () => {
      const newer = await hosts.start({ prefix: "newer" });
      await newer.stop();
      await sql.query("insert into newer.migrations (step) values (1000)");
      const error = await startError(database.url, "newer");
      expect(error.code).to.equal("ERR_BATON_SCHEMA_TOO_NEW");
      expect(error.message).to.include("1000").and.include("Upgrade pg-baton");
    });

    it("in a database that is not UTF8", async () => {
      const name = `${database.name}_ascii`;
      const { rows } = await sql.query<{ version: string }>("select current_setting('server_version_num') as version");
      // The built-in locales, perhaps the default of the cluster, support UTF8 only.
      const provider = Number(rows[0]?.version) >= 150_000 ? "locale_provider 'libc'" : "";
      const locale = `lc_collate 'C' lc_ctype 'C' ${provider}`;
      await sql.query(`create database ${name} encoding 'SQL_ASCII' ${locale} template template0`);
      const url = new URL(database.url);
      url.pathname = `/${name}`;
      const error = await startError(url.href);
      await sql.query(`drop database ${name}`);
      expect(error.code).to.equal("ERR_BATON_DATABASE_UNSUPPORTED");
      expect(error.message).to.include("SQL_ASCII").and.include("UTF8");
    });

    it("but starts once the cause is repaired", async () => {
      await sql.query("create schema mended; create table mended.migrations (step integer primary key)");
      await sql.query("insert into mended.migrations values (1000)");
      const instance = hosts.make({ prefix: "mended" });
      await rejection(instance.start());
      await sql.query("drop schema mended cascade");
      expect((await instance.start()).status().state).to.equal("started");
    });
  });
});

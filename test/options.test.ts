import { expect } from "chai";
import { type AnyWorker, Baton, type BatonOptions, InvalidOptionError } from "../lib/index.js";
import { checkOptions } from "../lib/options.js";
import double from "../examples/workers/double.js";
import echo from "../examples/workers/echo.js";

const URL_ = "postgres://localhost/db";

/** Options that only JavaScript can pass, the invalid one, and a word of the expected message. */
const REFUSED: readonly (readonly [what: string, options: unknown, option: string, says: string])[] = [
  ["no options", undefined, "options", "new Baton({"],
  ["null", null, "options", "new Baton({"],
  ["no connection", {}, "connection", "postgres://user:password@host"],
  ["an empty connection, as of an unset variable", { connection: "" }, "connection", "missing"],
  ["a connection that is no URL", { connection: "localhost:5432" }, "connection", "postgres://"],
  ["a connection to another database", { connection: "mysql://localhost" }, "connection", "postgres://"],
  ["a connection that is a number", { connection: 5432 }, "connection", "postgres://"],
  ["a password with a slash", { connection: "postgres://me:1/x@host/db" }, "connection", "percent-encode"],
  ["a password with a #", { connection: "postgres://me:1#x@host/db" }, "connection", "percent-encode"],
  ["a password with a ?", { connection: "postgres://me:1?x@host/db" }, "connection", "percent-encode"],
  ["an option misspelt", { connection: URL_, queue: { default: 1 } }, "queue", "queues"],
  ["an empty name", { connection: URL_, name: "" }, "name", "1 to 128"],
  ["a name that is not a string", { connection: URL_, name: 1 }, "name", "1 to 128"],
  ["a prefix in upper case", { connection: URL_, prefix: "Baton" }, "prefix", "lower-case"],
  ["a prefix with SQL in it", { connection: URL_, prefix: 'x"; drop' }, "prefix", "lower-case"],
  ["a prefix too long for the channel", { connection: URL_, prefix: "x".repeat(33) }, "prefix", "32"],
  ["queues as an array", { connection: URL_, queues: ["default"] }, "queues", "{ default: 4 }"],
  ["queues as a string", { connection: URL_, queues: "default" }, "queues", "{ default: 4 }"],
  ["a queue with a bad name", { connection: URL_, queues: { "a b": 1 } }, 'queues["a b"]', "letters"],
  ["a limit of 0", { connection: URL_, queues: { default: 0 } }, "queues.default", "from 1"],
  ["a limit that is a string", { connection: URL_, queues: { default: "4" } }, "queues.default", "integer"],
  [
    "a limit of Infinity",
    { connection: URL_, queues: { default: Number.POSITIVE_INFINITY } },
    "queues.default",
    "integer",
  ],
  [
    "a queue without limit",
    { connection: URL_, queues: { default: { paused: true } } },
    "queues.default.limit",
    "integer",
  ],
  [
    "paused as a string",
    { connection: URL_, queues: { a: { limit: 1, paused: "no" } } },
    "queues.a.paused",
    "true or false",
  ],
  [
    "a queue's option misspelt",
    { connection: URL_, queues: { default: { concurrency: 4 } } },
    "queues.default.concurrency",
    "limit, paused",
  ],
  ["workers as an object", { connection: URL_, workers: { double } }, "workers", "[Double]"],
  ["a module instead of its worker", { connection: URL_, workers: [{ default: double }] }, "workers[0]", "module"],
  ["a function instead of a worker", { connection: URL_, workers: [double, () => 1] }, "workers[1]", "defineWorker"],
  ["a worker twice", { connection: URL_, workers: [double, echo, double] }, "workers[2]", "double"],
  ["no threads", { connection: URL_, threads: 0 }, "threads", "from 1"],
  ["half a thread", { connection: URL_, threads: 1.5 }, "threads", "integer"],
  ["NaN threads", { connection: URL_, threads: Number.NaN }, "threads", "not NaN"],
  ["threads as a string", { connection: URL_, threads: "4" }, "threads", "not '4'"],
  ["a limit in an object", { connection: URL_, queues: { a: { limit: 0 } } }, "queues.a.limit", "10000, not 0"],
  ["an unknown durability", { connection: URL_, durability: "half" }, "durability", "not 'half'"],
  ["a grace period as a string", { connection: URL_, shutdownGracePeriod: "5s" }, "shutdownGracePeriod", "not '5s'"],
  ["a resultLimit of 0", { connection: URL_, resultLimit: 0 }, "resultLimit", "from 64"],
  ["a resultLimit over 64 MiB", { connection: URL_, resultLimit: 64 * 1_024 * 1_024 + 1 }, "resultLimit", "from 64"],
  ["a resultLimit under 64 bytes", { connection: URL_, resultLimit: 63 }, "resultLimit", "from 64"],
  ["a resultLimit with a fraction", { connection: URL_, resultLimit: 100.5 }, "resultLimit", "integer"],
  ["a negative retention", { connection: URL_, retention: -1 }, "retention", "from 0"],
  ["a retention of NaN", { connection: URL_, retention: Number.NaN }, "retention", "number"],
  ["a negative grace period", { connection: URL_, shutdownGracePeriod: -1 }, "shutdownGracePeriod", "from 0"],
  ["an endless grace period", { connection: URL_, shutdownGracePeriod: Infinity }, "shutdownGracePeriod", "from 0"],
  ["another unknown durability", { connection: URL_, durability: "off" }, "durability", '"full", "relaxed"'],
  ["a delivery that is a boolean", { connection: URL_, delivery: true }, "delivery", '"committed", "early"'],
  ["errors that are strings", { connection: URL_, errors: ["PaperError"] }, "errors", "extend Error"],
  ["half a job per thread", { connection: URL_, maxJobsPerThread: 1.5 }, "maxJobsPerThread", "integer"],
  ["no job per thread", { connection: URL_, maxJobsPerThread: 0 }, "maxJobsPerThread", "from 1"],
  ["threads that live 10 ms", { connection: URL_, maxThreadAge: 10 }, "maxThreadAge", "from 1000"],
  ["errors that do not extend Error", { connection: URL_, errors: [Map] }, "errors", "extend Error"],
  ["a class instead of an array of errors", { connection: URL_, errors: TypeError }, "errors", "array"],
];

describe("new Baton", () => {
  for (const [what, options, option, says] of REFUSED) {
    it(`refuses ${what}`, () => {
      expect(() => new Baton(options as BatonOptions))
        .to.throw(InvalidOptionError)
        .that.satisfies((error: InvalidOptionError) => {
          expect(error).to.include({ code: "ERR_BATON_INVALID_OPTION", option });
          expect(error.message).to.include(option).and.include(says);
          return true;
        });
    });
  }

  it("does not show a URL that was passed instead of the options", () => {
    expect(() => new Baton("postgres://me:secret@host/db" as never))
      .to.throw(InvalidOptionError, "not a string")
      .that.satisfies(({ message }: Error) => !message.includes("secret"));
  });

  it("requires only a connection", () => {
    const { threads, ...rest } = checkOptions({ connection: URL_ });
    expect(threads).to.be.greaterThan(0);
    expect(rest).to.deep.equal({
      connection: URL_,
      name: "baton",
      prefix: "baton",
      queues: new Map(),
      workers: [],
      maxJobsPerThread: Number.POSITIVE_INFINITY,
      maxThreadAge: Number.POSITIVE_INFINITY,
      resultLimit: 8_192,
      retention: 86_400_000,
      shutdownGracePeriod: 15_000,
      durability: "full",
      delivery: "committed",
      errors: [],
    });
  });

  it("accepts the connection options of pg", () => {
    const connection = { host: "/var/run/postgresql", database: "db" };
    expect(checkOptions({ connection }).connection).to.equal(connection);
    for (const url of ["a:b@[::1]:5432/c?sslmode=require", "host/db?user=a@b", "a:b@host/d@b", "host/d%40b"])
      expect(checkOptions({ connection: `postgresql://${url}` })).to.be.an("object");
  });

  it("accepts a queue as a limit or as an object", () => {
    const { queues } = checkOptions({ connection: URL_, queues: { a: 4, "b.c-d_1": { limit: 1, paused: true } } });
    expect([...queues]).to.deep.equal([
      ["a", { limit: 4, paused: false }],
      ["b.c-d_1", { limit: 1, paused: true }],
    ]);
  });

  it("copies the arrays that it was given", () => {
    const workers: AnyWorker[] = [double];
    const options = checkOptions({ connection: URL_, workers });
    workers.push(echo);
    expect(options.workers).to.deep.equal([double]);
    expect(options).to.satisfy(Object.isFrozen);
  });

  it("connects to nothing", async () => {
    const baton = new Baton({ connection: "postgres://127.0.0.1:1/nowhere" });
    expect(baton.status()).to.deep.equal({
      name: "baton",
      host: null,
      state: "idle",
      notifier: "polling",
      queues: [],
      threads: { size: 0, busy: 0, ending: 0 },
      unserved: [],
      unwritten: 0,
      relays: { awaited: 0, held: 0 },
      events: {},
    });
    await baton.stop();
  });
});

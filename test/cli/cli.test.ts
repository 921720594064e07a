import { expect } from "chai";
import pg from "pg";
import { Baton, type Relay } from "../../lib/index.js";
import burn from "../../examples/workers/burn.js";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { type NodeProcess, spawnNode } from "../support/process.js";
import { until } from "../support/until.js";

const file = (path: string): string => new URL(`../../${path}`, import.meta.url).pathname;

function cli(args: string[], url = ""): NodeProcess {
  return spawnNode(file("lib/cli/main.js"), args, { env: { DATABASE_URL: url } });
}

describe("pg-baton", function () {
  this.timeout(30_000);

  for (const args of [[], ["--help"], ["host", "--help"]]) {
    it(`${["pg-baton", ...args].join(" ")} prints its usage`, async () => {
      await using run = cli(args);
      expect(await run.nextLine((line) => line.startsWith("Usage:"))).to.include("pg-baton");
      expect((await run.exited).code).to.equal(0);
    });
  }

  const wrong: [what: string, args: string[], says: RegExp][] = [
    ["an unknown command", ["work"], /unknown command "work"/],
    ["an unknown option", ["host", "--queu", "a:1"], /Unknown option '--queu'/],
    ["no workers", ["host", "--queue", "default:4"], /--workers is missing/],
    ["no queue", ["host", "--workers", "x"], /--queue is missing/],
    ["no database", ["host", "--workers", "x", "--queue", "default:4"], /DATABASE_URL is not set/],
    [
      "a connection that does not name a database server",
      ["host", "--workers", file("examples/workers/double.js"), "--queue", "a:1", "--connection", "mysql://x"],
      /Option connection must be a postgres:\/\/ URL/,
    ],
    [
      "a connection file that does not exist",
      ["host", "--workers", "x", "--queue", "a:1", "--connection-file", "/nowhere"],
      /--connection-file \/nowhere cannot be read: ENOENT/,
    ],
    [
      "an empty connection file",
      ["host", "--workers", "x", "--queue", "a:1", "--connection-file", "/dev/null"],
      /--connection-file \/dev\/null is empty/,
    ],
    [
      "a connection and a file",
      ["host", "--workers", "x", "--queue", "a:1", "--connection-file", "/x", "--connection", "postgres://x"],
      /--connection and --connection-file are both given/,
    ],
    ["a URL as an argument", ["host", "postgres://u:secret@x/y"], /Unexpected argument 'postgres:\/\/u:\*\*\*@x\/y'/],
    ["a URL as a command", ["postgres://u:secret@x/y"], /unknown command "postgres:\/\/u:\*\*\*@x\/y"/],
    [
      "a queue without a limit",
      ["host", "--workers", file("examples/workers/double.js"), "--queue", "default", "--connection", "postgres://x"],
      /write name:limit/,
    ],
    [
      "a queue named twice",
      ["host", "--workers", "x", "--queue", "a:1", "--queue", "a:2", "--connection", "postgres://x"],
      /a:2 names a a second time/,
    ],
    [
      "a limit of 0",
      ["host", "--workers", file("examples/workers/double.js"), "--queue", "a:0", "--connection", "postgres://x"],
      /Option queues.a must be/,
    ],
    [
      "threads that are not a number",
      ["host", "--workers", "x", "--queue", "a:1", "--threads", "two", "--connection", "postgres://x"],
      /--threads two is not a number/,
    ],
    [
      "a module that fails to import",
      ["host", "--workers", file("test/workers/broken.js"), "--queue", "a:1", "--connection", "postgres://x"],
      /broken\.js does not import: /,
    ],
    [
      "a path that does not exist",
      ["host", "--workers", "/nowhere", "--queue", "a:1", "--connection", "postgres://x"],
      /\/nowhere does not exist/,
    ],
    [
      "a module without a worker",
      ["host", "--workers", file("lib/errors.js"), "--queue", "a:1", "--connection", "postgres://x"],
      /exports no worker/,
    ],
  ];
  for (const [what, args, says] of wrong) {
    it(`refuses ${what} in one line and exits with 2`, async () => {
      await using run = cli(args);
      expect((await run.exited).code).to.equal(2);
      expect(run.stderr).to.match(says);
      expect(run.stderr.trim().split("\n")).to.have.length(1);
    });
  }

  it("reports an unreachable database in one line and exits with 1", async () => {
    await using run = cli([
      "host",
      "--workers",
      file("examples/workers/double.js"),
      "--queue",
      "a:1",
      "--connection",
      "postgres://127.0.0.1:1/x",
    ]);
    expect((await run.exited).code).to.equal(1);
    expect(run.stderr).to.match(/^pg-baton: No PostgreSQL answers at 127\.0\.0\.1:1\/x.*\n$/);
  });

  describe("host", () => {
    let database: TestDatabase;

    before(async () => {
      database = await createDatabase();
    });

    after(() => database.drop());

    function host(worker: string, ...args: string[]): NodeProcess {
      const options = ["--workers", file(worker), "--queue", "default:1", "--threads", "1", ...args];
      return cli(["host", ...options], database.url);
    }

    /** Resolves once the job runs. An await that times out reads the state of the row. */
    async function running(baton: Baton, relay: Relay): Promise<void> {
      await until(async () => (await baton.await(relay, 0)).job.state === "executing", "the job to run");
    }

    it("runs jobs; at SIGTERM it lets the running job end and exits with 0", async () => {
      await using process = host("examples/workers/burn.js", "--name", "cruncher");
      expect(await process.nextLine()).to.match(
        /^pg-baton: host cruncher \(\S+\) is up: queues default:1; workers burn; threads 1$/,
      );
      await using baton = await new Baton({ connection: database.url }).start();
      expect(await baton.call(burn.new({ ms: 1 }))).to.be.a("number");
      const relay = await baton.async(burn.new({ ms: 500 }));
      await running(baton, relay);
      process.kill("SIGTERM");
      expect(await process.nextLine()).to.equal("pg-baton: SIGTERM: stopping, running jobs get 15000 ms to end");
      expect(await process.nextLine()).to.equal("pg-baton: stopped");
      expect(await process.exited).to.deep.equal({ code: 0, signal: null });
      const { ok, job } = await baton.await(relay, 0);
      expect({ ok, state: job.state }).to.deep.equal({ ok: true, state: "completed" });
    });

    it("ends at once, with 1, at the second signal", async () => {
      await using process = host("examples/workers/burn.js", "--prefix", "second");
      await process.nextLine();
      await using baton = await new Baton({ connection: database.url, prefix: "second" }).start();
      await running(baton, await baton.async(burn.new({ ms: 60_000 })));
      process.kill("SIGINT");
      await process.nextLine((line) => line.includes("SIGINT: stopping"));
      process.kill("SIGINT");
      expect(await process.exited).to.deep.equal({ code: 1, signal: null });
    });

    it("exits once it has stopped, even if a worker's module keeps something open", async () => {
      await using process = host("test/workers/restless.js");
      await process.nextLine();
      process.kill("SIGTERM");
      expect(await process.exited).to.deep.equal({ code: 0, signal: null });
    });

    it("writes database trouble to stderr", async () => {
      await using process = host("examples/workers/double.js", "--name", "unlucky");
      await process.nextLine();
      const client = new pg.Client(database.url);
      await client.connect();
      await client.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pg-baton unlucky'",
      );
      await client.end();
      await until(() => process.stderr.includes("lost the listening connection"), "a word about it");
      process.kill("SIGTERM");
      expect(await process.exited).to.deep.equal({ code: 0, signal: null });
    });
  });
});

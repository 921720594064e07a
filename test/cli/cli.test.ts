import { expect } from "chai";
import { Baton } from "../../lib/index.js";
import burn from "../../workers/burn.js";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { type NodeProcess, spawnNode } from "../support/process.js";

const file = (path: string): string => new URL(`../../${path}`, import.meta.url).pathname;

function cli(args: string[], url = ""): NodeProcess {
  return spawnNode(file("lib/cli/main.js"), args, { env: { DATABASE_URL: url } });
}

describe("pg-baton", function () {
  this.timeout(30_000);

  for (const args of [[], ["--help"], ["host", "--help"]]) {
    it(`${["pg-baton", ...args].join(" ")} says how it is used`, async () => {
      await using run = cli(args);
      expect(await run.nextLine((line) => line.startsWith("Usage:"))).to.include("pg-baton");
      expect((await run.exited).code).to.equal(0);
    });
  }

  const wrong: [what: string, args: string[], says: RegExp][] = [
    ["an unknown command", ["work"], /there is no command "work"/],
    ["an unknown option", ["host", "--queu", "a:1"], /Unknown option '--queu'/],
    ["no workers", ["host", "--queue", "default:4"], /--workers is missing/],
    ["no queue", ["host", "--workers", "x"], /--queue is missing/],
    ["no database", ["host", "--workers", "x", "--queue", "default:4"], /DATABASE_URL is not set/],
    [
      "a queue without a limit",
      ["host", "--workers", file("workers/double.js"), "--queue", "default", "--connection", "postgres://x"],
      /write name:limit/,
    ],
    [
      "a path that is not there",
      ["host", "--workers", "/nowhere", "--queue", "a:1", "--connection", "postgres://x"],
      /there is no \/nowhere/,
    ],
    [
      "a module without a worker",
      ["host", "--workers", file("lib/errors.js"), "--queue", "a:1", "--connection", "postgres://x"],
      /exports no worker/,
    ],
  ];
  for (const [what, args, says] of wrong) {
    it(`${what}: says so in one line and exits with 2`, async () => {
      await using run = cli(args);
      expect((await run.exited).code).to.equal(2);
      expect(run.stderr).to.match(says);
      expect(run.stderr.trim().split("\n")).to.have.length(1);
    });
  }

  it("a database that does not answer: says so in one line and exits with 1", async () => {
    await using run = cli([
      "host",
      "--workers",
      file("workers/double.js"),
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

    it("runs jobs; at SIGTERM it lets the running one end, and exits with 0", async () => {
      await using host = cli(
        ["host", "--workers", file("workers/burn.js"), "--queue", "default:1", "--threads", "1"],
        database.url,
      );
      expect(await host.nextLine()).to.match(/is up: queues default:1; workers burn/);
      const baton = await new Baton({ connection: database.url }).start();
      try {
        expect(await baton.call(burn.new({ ms: 1 }))).to.be.a("number");
        const relay = await baton.async(burn.new({ ms: 500 }));
        // The timeout's last look says where the job stands: the signal comes while it runs.
        let result = await baton.await(relay, 0);
        while (result.job.state === "available") result = await baton.await(relay, 0);
        host.kill("SIGTERM");
        expect(await host.exited).to.deep.equal({ code: 0, signal: null });
        const { ok, job } = await baton.await(relay, 0);
        expect({ ok, state: job.state }).to.deep.equal({ ok: true, state: "completed" });
      } finally {
        await baton.stop();
      }
    });
  });
});

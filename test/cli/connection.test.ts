import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import pg from "pg";
import { hideConnection, maskPasswords } from "../../lib/cli/connection.js";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { type NodeProcess, spawnNode } from "../support/process.js";

const file = (path: string): string => new URL(`../../${path}`, import.meta.url).pathname;

const SECRET = "postgres://me:s%2Fcret@db:5432/x";

describe("the connection of a command line", () => {
  const taken: [args: string[], left: string[]][] = [
    [
      ["--queue", "a:1", "--connection", SECRET],
      ["--queue", "a:1"],
    ],
    [
      [`--connection=${SECRET}`, "--name", "x"],
      ["--name", "x"],
    ],
    [["--connection", "postgres://x?password=y", "--no-supervise", "--connection", SECRET], ["--no-supervise"]],
  ];
  for (const [args, left] of taken) {
    it(`is removed from ${args.join(" ")}`, () => {
      expect(hideConnection(args)).to.deep.equal({ args: left, connection: SECRET });
    });
  }

  for (const args of [["--connection", "postgres://me@db/x"], ["--connection"], ["--name", SECRET], []]) {
    it(`stays in ${JSON.stringify(args)}`, () => {
      expect(hideConnection(args)).to.deep.equal({ args, connection: undefined });
    });
  }

  for (const [text, masked] of [
    ["postgres://me:pw@db/x", "postgres://me:***@db/x"],
    ["of postgresql://me:p@ss/w@db:1/x, it", "of postgresql://me:***@db:1/x, it"],
    ["postgres://db/x?user=me&password=pw&a=b", "postgres://db/x?user=me&password=***&a=b"],
    ["host=db password=pw user=me", "host=db password=*** user=me"],
    ["postgres://[::1]:5432/x and postgres://me@db:5432/x", "postgres://[::1]:5432/x and postgres://me@db:5432/x"],
  ] as const) {
    it(`is shown as ${masked}`, () => {
      expect(maskPasswords(text)).to.equal(masked);
    });
  }

  describe("with a password", function () {
    this.timeout(30_000);
    let database: TestDatabase;
    let url: string;

    before(async () => {
      database = await createDatabase();
      const given = new URL(database.url);
      // A server that trusts everybody accepts any password.
      if (given.password === "") given.password = "any";
      url = given.href;
    });

    after(() => database.drop());

    function host(args: string[]): NodeProcess {
      const options = [
        "--workers",
        file("examples/workers/double.js"),
        "--queue",
        "default:1",
        "--threads",
        "1",
        ...args,
      ];
      return spawnNode(file("lib/cli/main.js"), ["host", ...options], { env: { DATABASE_URL: "" } });
    }

    async function up(run: NodeProcess): Promise<number[]> {
      await run.nextLine((line) => line.includes("is up"));
      const sql = new pg.Client(database.url);
      await sql.connect();
      const { rows } = await sql.query<{ name: string }>("select name from baton.hosts");
      await sql.end();
      return rows.map(({ name }) => Number(name.split(":").at(-1)));
    }

    const shown = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, "utf8");

    for (const [how, more] of [
      ["a supervised host", []],
      ["an unsupervised host", ["--no-supervise"]],
    ] as const) {
      it(`is hidden from the process list: ${how} connects, and warns`, async function () {
        if (process.platform !== "linux") return this.skip();
        await using run = host(["--connection", url, ...more]);
        const pids = await up(run);
        for (const pid of [run.pid, ...pids]) {
          expect(shown(pid)).to.include("host").and.to.include("default:1");
          expect(shown(pid)).to.not.include("postgres://");
        }
        expect(run.stderr).to.match(/password in --connection is visible .* use DATABASE_URL or --connection-file/);
        expect(run.stderr.match(/password in --connection/g)).to.have.length(1);
        expect(run.stderr).to.not.include(new URL(url).password);
        run.kill("SIGTERM");
        expect(await run.exited).to.deep.equal({ code: 0, signal: null });
      });
    }

    it("is read from a file, without a warning", async () => {
      const path = join(tmpdir(), `baton-connection-${process.pid}`);
      writeFileSync(path, `${url}\n`, { mode: 0o600 });
      try {
        await using run = host(["--connection-file", path]);
        await up(run);
        expect(run.stderr).to.equal("");
        run.kill("SIGTERM");
        expect(await run.exited).to.deep.equal({ code: 0, signal: null });
      } finally {
        rmSync(path);
      }
    });
  });
});

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import pg from "pg";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { type NodeProcess, spawnNode } from "../support/process.js";
import { until } from "../support/until.js";

describe("npm start", function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let folder: string;
  let many: string;

  before(async () => {
    database = await createDatabase();
    folder = await mkdtemp(join(tmpdir(), "pg-baton-start-"));
    many = await mkdtemp(join(tmpdir(), "pg-baton-start-"));
    await Promise.all(["a", "b"].map((name) => writeFile(join(folder, name), name.repeat(2_000))));
    await Promise.all(Array.from({ length: 400 }, (_, name) => writeFile(join(many, `${name}`), `${name}`)));
  });

  after(async () => {
    await Promise.all([folder, many].map((made) => rm(made, { recursive: true })));
    await database.drop();
  });

  function start(args: string[], env: Record<string, string> = {}): NodeProcess {
    const script = new URL("../../examples/start/main.js", import.meta.url);
    return spawnNode(script, args, { env: { DATABASE_URL: database.url, ...env } });
  }

  async function schemas(): Promise<string[]> {
    const client = new pg.Client(database.url);
    await client.connect();
    const { rows } = await client.query<{ name: string }>(
      "select nspname as name from pg_namespace where nspname like 'baton%'",
    );
    await client.end();
    return rows.map(({ name }) => name);
  }

  /** The process id of the other host, once files come back. */
  async function working(demo: NodeProcess): Promise<number> {
    const [, pid] = /and process (\d+)/.exec(await demo.nextLine((line) => line.includes("and process"))) ?? [];
    await demo.nextLine((line) => line.includes(" of 400 files in"));
    return Number(pid);
  }

  it("has a folder's files done, shows what else can come of an await, and leaves nothing behind", async () => {
    await using demo = start([folder]);
    await demo.nextLine((line) => line.includes("done       2 files in"));
    await demo.nextLine((line) => line.includes("checked    2 files"));
    for (const outcome of ["ok", "timeout", "result_too_large", "snoozed", "discarded", "QuotaError"]) {
      await demo.nextLine((line) => line.startsWith(`    ${outcome} `));
    }
    expect(await demo.exited).to.deep.equal({ code: 0, signal: null });
    expect(demo.stderr).to.equal("");
    expect(await schemas()).to.deep.equal([]);
  });

  const wrong: [what: string, args: () => string[], says: RegExp, code: number, url?: string][] = [
    ["there is no such folder", () => [join(folder, "nowhere")], /^There is no .*nowhere\. Name a folder/, 1],
    ["the folder is a file", () => [join(folder, "a")], /a is not a folder/, 1],
    ["an option is not known", () => ["--fast"], /^Usage: npm start/, 2],
    [
      "the database cannot be reached",
      () => [folder],
      /^No PostgreSQL answers at 127\.0\.0\.1:1\/none/,
      1,
      "postgres://127.0.0.1:1/none",
    ],
  ];
  for (const [what, args, says, code, url = ""] of wrong) {
    it(`says in one line that ${what}`, async () => {
      await using demo = start(args(), url === "" ? {} : { DATABASE_URL: url });
      expect(await demo.exited).to.deep.equal({ code, signal: null });
      expect(demo.stderr).to.match(says);
      expect(demo.stderr.trim().split("\n")).to.have.length(1);
    });
  }

  it("says in one line that a folder is empty", async () => {
    const empty = await mkdtemp(join(tmpdir(), "pg-baton-start-"));
    await using demo = start([empty]);
    expect((await demo.exited).code).to.equal(1);
    expect(demo.stderr).to.match(/has no file of 1 byte to 1 MiB/);
    await rm(empty, { recursive: true });
  });

  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    it(`ends cleanly at ${signal}, and the other host with it`, async () => {
      await using demo = start([many]);
      const host = await working(demo);
      demo.kill(signal);
      expect(await demo.exited).to.deep.equal({ code, signal: null });
      expect(demo.stderr).to.equal(`Ended by ${signal}.\n`);
      expect(alive(host)).to.equal(false);
      expect(await schemas()).to.deep.equal([]);
    });
  }

  it("is killed, and the other host tidies up and ends", async () => {
    await using demo = start([many]);
    const host = await working(demo);
    demo.kill("SIGKILL");
    await demo.exited;
    await until(() => !alive(host), "the other host to end");
    expect(await schemas()).to.deep.equal([]);
  });

  it("says in one line that the other host was lost", async () => {
    await using demo = start([many]);
    process.kill(await working(demo), "SIGKILL");
    expect(await demo.exited).to.deep.equal({ code: 1, signal: null });
    expect(demo.stderr).to.equal("The other host process ended with SIGKILL.\n");
    expect(await schemas()).to.deep.equal([]);
  });
});

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

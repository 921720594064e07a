import { expect } from "chai";
import pg from "pg";
import { Baton } from "../../lib/index.js";
import double from "../../examples/workers/double.js";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { spawnNode } from "../support/process.js";
import { read } from "./page.js";

/** Programs that pages show, as paths from `dist`, and lines that they print, in order. */
const PROGRAMS: Readonly<Record<string, readonly RegExp[]>> = {
  "../examples/first/app.js": [/^{$/, /^ {2}ok: true,$/, /^ {2}value: 4,$/],
  "../examples/first/one-file.js": [/^4$/],
  "../examples/first/postgres.js": [/^postgres:\/\/postgres:\S+@127\.0\.0\.1:\d+\/postgres$/],
  "examples/awaiting.js": [
    /^4 \[ 2, 'x' \] 8$/,
    /^timeout executing$/,
    /^completed$/,
    /^true$/,
    /^ERR_BATON_AWAIT_TIMEOUT$/,
  ],
  "examples/controls.js": [/^discarded no such file$/, /^cancelled empty file$/, /^snoozed 1$/, /^completed 1$/],
  "examples/errors.js": [/^ERR_BATON_INVALID_JOB$/, /'args.int'/, /'priority'/, /^timeout no host serves this queue$/],
  "examples/later.js": [/^42$/],
  "examples/listing.js": [/^digest 1 Discarded: no such file$/, /^digest 1 Discarded/, /^files scheduled 1$/],
  "examples/migrate.js": [/^started$/],
  "examples/monitoring.js": [/^notify 0 \[\] 0$/],
  "examples/options.js": [/^ERR_BATON_INVALID_OPTION queues.default$/],
  "examples/results.js": [/^2 18 true$/, /^ERR_TEXT_TOO_LONG 10$/],
  "examples/semantics.js": [/^\[ 4, 4, 4 \]$/, /^1$/],
};

const file = (path: string): string => new URL(`../../${path}`, import.meta.url).pathname;

describe("the programs of the documentation", function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let sql: pg.Client;

  beforeEach(async () => {
    database = await createDatabase();
    sql = new pg.Client(database.url);
    await sql.connect();
  });

  afterEach(async () => {
    await sql.end();
    await database.drop();
  });

  for (const [path, lines] of Object.entries(PROGRAMS)) {
    it(`${path.replace("../", "")} prints what the page says`, async () => {
      await using program = spawnNode(file(path), [], { env: { DATABASE_URL: database.url } });
      for (const pattern of lines) await program.nextLine((line) => pattern.test(line));
      expect(await program.exited).to.deep.equal({ code: 0, signal: null });
      expect(program.stderr.replaceAll(/^notifier:mode[\s\S]*?^}\n/gm, "")).to.equal("");
    });
  }

  it("examples/double.test.js passes, on a server of its own", async () => {
    await using program = spawnNode(file("examples/double.test.js"));
    expect(await program.exited, program.stderr).to.deep.equal({ code: 0, signal: null });
  });

  it("examples/roles.sql grants a caller and a host the rights that they need", async () => {
    await (await new Baton({ connection: database.url }).start()).stop();
    const roles = { app_caller: `caller_${process.pid}`, app_host: `host_${process.pid}` };
    const script = Object.entries(roles).reduce(
      (text, [role, own]) => text.replaceAll(role, own),
      read("examples/roles.sql"),
    );
    await sql.query(script.replaceAll(/ login;/g, " login password 'secret';"));
    try {
      const as = (role: string): string => {
        const url = new URL(database.url);
        Object.assign(url, { username: role, password: "secret" });
        return url.href;
      };
      await using host = new Baton({
        connection: as(roles.app_host),
        queues: { default: 1 },
        threads: 1,
        workers: [double],
      });
      await host.start();
      await using caller = await new Baton({ connection: as(roles.app_caller) }).start();
      expect(await caller.call(double.new({ int: 2 }), 20_000)).to.equal(4);
    } finally {
      for (const role of Object.values(roles)) await sql.query(`drop owned by ${role}; drop role ${role}`);
    }
  });

  it("examples/kubernetes.yaml starts a host, which stops on SIGTERM", async () => {
    const [, list = "[]"] = /^ *args: (.*)$/m.exec(read("examples/kubernetes.yaml")) ?? [];
    const args = (JSON.parse(list) as string[]).map((arg) => arg.replace("dist/workers", file("examples/workers")));
    await using host = spawnNode(file("lib/cli/main.js"), ["host", ...args], { env: { DATABASE_URL: database.url } });
    await host.nextLine((line) => line.includes("is up"));
    host.kill("SIGTERM");
    expect(await host.exited).to.deep.equal({ code: 0, signal: null });
  });
});

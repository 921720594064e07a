import { expect } from "chai";
import pg from "pg";
import { Baton, type Relay } from "../../lib/index.js";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { Gate } from "../support/gate.js";
import { type NodeProcess, spawnNode } from "../support/process.js";
import { until } from "../support/until.js";
import { captive, gated } from "../workers/gated.js";
import { poison } from "../workers/poison.js";

const file = (path: string): string => new URL(`../../${path}`, import.meta.url).pathname;

describe("pg-baton host, supervised", function () {
  this.timeout(60_000);
  let database: TestDatabase;
  let caller: Baton;

  before(async () => {
    database = await createDatabase();
    caller = await new Baton({ connection: database.url }).start();
  });

  after(async () => {
    await caller.stop();
    await database.drop();
  });

  function host(worker: string, ...more: string[]): NodeProcess {
    const args = [
      "host",
      "--workers",
      file(`test/workers/${worker}.js`),
      "--queue",
      "default:2",
      "--threads",
      "2",
      ...more,
    ];
    return spawnNode(file("lib/cli/main.js"), args, { env: { DATABASE_URL: database.url } });
  }

  const up = (process: NodeProcess): Promise<string> => process.nextLine((line) => line.includes("is up"));

  /** The ids of the processes that serve this database, from the names of their hosts. */
  async function pids(): Promise<number[]> {
    const found: number[] = [];
    for (const { name } of await hosts()) found.push(Number(name.split(":").at(-1)));
    return found;
  }

  function hosts(): Promise<{ name: string }[]> {
    return query("select name from baton.hosts order by started_at desc");
  }

  async function query<Row extends object>(text: string): Promise<Row[]> {
    const sql = new pg.Client(database.url);
    await sql.connect();
    const { rows } = await sql.query<Row>(text);
    await sql.end();
    return rows;
  }

  function alive(pid: number): boolean {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  }

  it("restarts a host after SIGKILL; its job runs again, and the awaiter gets one result", async () => {
    using gate = new Gate();
    await using supervisor = host("gated");
    await up(supervisor);
    const relay = await caller.async(gated.new({ gate: gate.path }));
    await gate.started();
    const [first = 0] = await pids();
    expect(first).to.not.equal(supervisor.pid);
    process.kill(first, "SIGKILL");
    await up(supervisor);
    expect(supervisor.stderr).to.match(/the host died \(SIGKILL\): restarting it in \d+ ms/);
    await gate.started(2);
    gate.open();
    expect(await caller.await(relay, 20_000)).to.include({ ok: true, value: "through on attempt 2" });
    supervisor.kill("SIGTERM");
    expect(await supervisor.exited).to.deep.equal({ code: 0, signal: null });
  });

  it("survives a job that takes down its process: two hosts die, then the job runs alone until quarantined", async () => {
    await using supervisor = host("poison");
    await up(supervisor);
    const relay: Relay = await caller.async(poison.new({}));
    const ending = caller.await(relay, { timeout: 55_000, withRetries: true });
    // Cuts the backoff after the first death alone short.
    const hurrying = setInterval(() => void query("update baton.jobs set scheduled_at = now() where state = 3"), 500);
    const result = await ending;
    clearInterval(hurrying);
    expect(result).to.have.nested.property("error.name", "QuarantinedError");
    expect(supervisor.stderr.match(/the host died/g)).to.have.length(2);
    supervisor.kill("SIGINT");
    expect(await supervisor.exited).to.deep.equal({ code: 0, signal: null });
  });

  it("stops the host if the supervisor dies: no orphan is left", async () => {
    using gate = new Gate();
    const supervisor = host("gated");
    await up(supervisor);
    const [pid = 0] = await pids();
    const relay = await caller.async(gated.new({ gate: gate.path }));
    await gate.started();
    supervisor.kill("SIGKILL");
    // The host shares the pipe, so its lines still arrive.
    await supervisor.nextLine((line) => line.includes("the supervisor is gone: stopping"));
    gate.open();
    expect(await caller.await(relay, 20_000)).to.include({ ok: true, value: "through on attempt 1" });
    await supervisor.exited;
    await until(() => !alive(pid), "the host to end");
  });

  for (const more of [[], ["--no-supervise"]]) {
    it(`ends at SIGTERM although a thread is in native code ${more.join("")}`, async () => {
      using gate = new Gate();
      await using process = host("gated", "--grace", "0", ...more);
      await up(process);
      const relay = await caller.async(captive.new({ gate: gate.path }));
      await gate.started();
      process.kill("SIGTERM");
      await process.nextLine((line) => line.includes("native code still runs in 1 thread"));
      const ended = more.length === 0 ? { code: 0, signal: null } : { code: null, signal: "SIGTERM" };
      expect(await process.exited).to.deep.equal(ended);
      expect((await caller.await(relay, 0)).job).to.include({ state: "available", attempt: 0 });
      gate.open();
    });
  }

  it("does not restart a host that was never up", async () => {
    await using supervisor = host("gated", "--prefix", "Not A Prefix");
    expect((await supervisor.exited).code).to.equal(2);
    expect(supervisor.stderr.trim().split("\n")).to.have.length(1);
  });

  it("runs the host in its own process with --no-supervise", async () => {
    await using process = host("gated", "--no-supervise");
    await up(process);
    expect(await pids()).to.include(process.pid);
    process.kill("SIGTERM");
    expect(await process.exited).to.deep.equal({ code: 0, signal: null });
  });
});

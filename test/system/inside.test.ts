import { cp, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect } from "chai";
import { Isolation } from "../../lib/runner/threads/isolation.js";
import { Threads } from "../../lib/runner/threads/threads.js";
import type { Outcome } from "../../lib/job/outcome.js";
import { Telemetry } from "../../lib/telemetry.js";
import { claimedJob, valueIn } from "../support/claimed.js";
import { spawnNode } from "../support/process.js";
import { useSystem } from "../support/system.js";

const SCRIPT = new URL("./processes/unguarded.js", import.meta.url);
const root = new URL("../../../", import.meta.url);
const GUARD = /if \(isMainThread\) \{/;

describe("start() in one of Baton's own threads", () => {
  const system = useSystem("suite");
  const { sql } = system;

  afterEach(() => sql.query("drop schema if exists baton cascade"));

  /**
   * The output of the one-file program, which must exit by itself. Only
   * its main thread must insert a job.
   */
  async function outputOf(how: string): Promise<Record<string, unknown>> {
    await using program = spawnNode(SCRIPT, [], { env: { UNGUARDED: how, DATABASE_URL: system.url } });
    const output = JSON.parse(await program.nextLine()) as Record<string, unknown>;
    expect((await sql.query("select from baton.jobs")).rowCount, "jobs").to.equal(1);
    expect(await program.exited).to.deep.equal({ code: 0, signal: null });
    return output;
  }

  it("rejects if the module awaits it: its jobs fail with the guard in the message, and nothing hangs", async () => {
    const { error } = await outputOf("awaited");
    expect(error)
      .to.match(/^UnknownWorkerError: .*failed to import: InsideThreadError: .*/)
      .and.match(GUARD);
  });

  it("rejects if the module does not await it: the rejection is reported, and its jobs run", async () => {
    const { value, stray } = await outputOf("floating");
    expect(value).to.equal(4);
    expect(stray)
      .to.match(/^InsideThreadError: /)
      .and.match(GUARD);
  });

  describe("in any copy of the package", () => {
    let folder: string;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "baton-inside-"));
      await cp(fileURLToPath(new URL("dist/lib", root)), join(folder, "lib"), { recursive: true });
      await symlink(fileURLToPath(new URL("node_modules", root)), join(folder, "node_modules"));
      await writeFile(
        join(folder, "other.mjs"),
        `import { Baton, defineWorker } from "./lib/index.js";
         await new Baton({ connection: ${JSON.stringify(system.url)} }).start();
         export default defineWorker(import.meta.url, { name: "other", perform: () => 1 });`,
      );
    });

    after(() => rm(folder, { recursive: true, force: true }));

    function isRefused(outcome: Outcome): void {
      const error = valueIn(outcome);
      expect(error).to.include({ name: "UnknownWorkerError" });
      expect(error).to.have.nested.property("cause.code", "ERR_BATON_IN_THREAD");
      expect(outcome).to.have.property("summary").that.match(GUARD);
    }

    it("rejects in a host's thread", async () => {
      const threads = new Threads({ size: 1, resultLimit: 8_192, telemetry: new Telemetry("test") });
      await threads.start();
      isRefused((await threads.run(claimedJob("other"), pathToFileURL(join(folder, "other.mjs")).href)).outcome);
      await threads.stop();
    });

    it("rejects in a thread of a process that isolates a job", async () => {
      const isolation = new Isolation(8_192, new Telemetry("test"));
      const ended = await isolation.run(claimedJob("other"), pathToFileURL(join(folder, "other.mjs")).href);
      if (!("run" in ended)) throw new Error("Its process died");
      isRefused(ended.run.outcome);
    });
  });
});

import { expect } from "chai";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Piscina } from "piscina";
import { connect, type Far, type Hello, LINK, type ThreadSide } from "../../lib/thread/link.js";
import { readRun, type RunMessage, tasksMessage } from "../../lib/thread/message.js";
import type { Run } from "../../lib/thread/perform.js";
import { claimedJob, testModule, valueIn } from "../support/claimed.js";

describe("The link to a thread", () => {
  let pool: Piscina;
  let hello: Hello;
  let thread: Far<ThreadSide>;

  before(async () => {
    const filename = fileURLToPath(new URL("../../workers/entry.cjs", import.meta.url));
    pool = new Piscina({ filename, name: "run", minThreads: 1, maxThreads: 1, atomics: "disabled" });
    [hello] = (await once(pool, "message")) as [Hello];
    thread = connect<ThreadSide>(hello[LINK], {});
  });

  after(() => pool.destroy());

  async function abortable(id: number, claim: number): Promise<Run> {
    const job = claimedJob("abortable", {}, { id, claim });
    hello.jobs.postMessage(tasksMessage([job], testModule("stray.js"), 8_192));
    const [[message]] = (await once(hello.jobs, "message")) as [[RunMessage]];
    return readRun(message);
  }

  it("returns answers of the thread", async () => {
    expect(await thread.ping()).to.equal(pool.threads[0]?.threadId);
  });

  it("aborts a job whose message it has overtaken", async () => {
    await thread.abort(7, 1, "before it began");
    expect(valueIn((await abortable(7, 1)).outcome)).to.include({ message: "before it began" });
  });

  it("aborts no other claim of the same job", async () => {
    await thread.abort(7, 1, "the first claim");
    const run = abortable(7, 2);
    await thread.abort(7, 1, "the first claim");
    await thread.abort(7, 2, "the second claim");
    expect(valueIn((await run).outcome)).to.include({ message: "the second claim" });
  });
});

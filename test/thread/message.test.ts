import { expect } from "chai";
import { readRun, readTasks, runMessage, tasksMessage } from "../../lib/thread/message.js";
import type { Outcome } from "../../lib/job/outcome.js";
import { claimedJob } from "../support/claimed.js";

describe("Messages between host and thread", () => {
  it("keep tasks and their order, with what a thread needs of each job", () => {
    const rest = {
      meta: '{"a":1}',
      tags: ["t"],
      priority: 3,
      attempt: 2,
      maxAttempts: 4,
      suspicion: 1 as const,
      begun: false,
    };
    const job = claimedJob("double", { int: 2 }, { ...rest, claim: 9, queue: "q", awaited: true, ref: "r".repeat(22) });
    const jobs = [{ ...job, scheduledAt: 1, insertedAt: 2, attemptedAt: 3 }, claimedJob("echo", { value: "x" })];
    const [url, resultLimit] = ["file:///w.js", 64];
    const message = structuredClone(tasksMessage(jobs, url, resultLimit));
    const kept = new Set(["suspicion", "begun", "awaited", "ref"]);
    const sent = jobs.map((job) => Object.fromEntries(Object.entries(job).filter(([key]) => !kept.has(key))));
    expect(readTasks(message)).to.deep.equal(sent.map((job) => ({ job, url, resultLimit })));
  });

  for (const outcome of [
    { type: "completed", result: { encoding: "z", bytes: new Uint8Array([1, 2, 3]) } },
    { type: "completed", result: null },
    { type: "too_large" },
    { type: "failed", error: { encoding: "b", bytes: new Uint8Array([4]) }, summary: "Error: no", backoff: 5 },
  ] satisfies Outcome[]) {
    it(`keep a run: ${outcome.type}${"result" in outcome && outcome.result === null ? " with nothing" : ""}`, () => {
      const run = { outcome, duration: 1.5, threadId: 7 };
      expect(readRun(structuredClone(runMessage(run)))).to.deep.equal(run);
    });
  }
});

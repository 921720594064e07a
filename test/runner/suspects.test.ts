import { expect } from "chai";
import { unpack } from "../../lib/codec/codec.js";
import type { Isolation, IsolationResult } from "../../lib/runner/threads/isolation.js";
import { Suspects } from "../../lib/runner/suspects.js";
import type { Outcome } from "../../lib/job/outcome.js";
import { Telemetry } from "../../lib/telemetry.js";
import { claimedJob } from "../support/claimed.js";

describe("a suspect in a process of its own", () => {
  const job = claimedJob("a");
  let ending: IsolationResult;
  let survived: boolean;
  /** The count on the row; null if the job is another host's. */
  let counted: number | null;
  /** Errors that take the place of the next replies, though the writes went through. */
  let failures: Error[];
  let absolved: number;
  let suspects: Suspects;

  beforeEach(() => {
    survived = true;
    counted = 0;
    failures = [];
    absolved = 0;
    const isolation: Pick<Isolation, "run" | "abort" | "kill" | "isRunning"> = {
      run: async () => ending,
      abort: () => {},
      kill: async () => {},
      isRunning: () => true,
    };
    suspects = new Suspects({
      isolation: isolation as Isolation,
      engine: {
        accused: async () => counted,
        accuse: async (_job, times) => {
          counted = times;
          const lost = failures.shift();
          if (lost !== undefined) throw lost;
          return times;
        },
        absolve: async () => {
          absolved += 1;
        },
      },
      survives: async () => survived,
      resultLimit: 8_192,
      telemetry: new Telemetry("test"),
    });
  });

  function ended(outcome: Outcome): IsolationResult {
    return { run: { outcome, duration: 1, threadId: -1 } };
  }

  async function outcome(): Promise<Outcome> {
    return (await suspects.run(job, "file:///a.js")).outcome;
  }

  it("is cleared by any outcome", async () => {
    ending = ended({ type: "completed", result: null });
    expect(await outcome()).to.deep.equal({ type: "completed", result: null });
    expect(absolved).to.equal(1);
  });

  it("is the very job of its run", async () => {
    ending = ended({ type: "completed", result: null });
    expect((await suspects.run(job, "file:///a.js")).job).to.equal(job);
    ending = { death: "SIGKILL" };
    expect((await suspects.run(job, "file:///a.js")).job).to.equal(job);
  });

  it("is not cleared if it was interrupted", async () => {
    for (const type of ["released", "interrupted"] as const) {
      ending = ended({ type });
      expect(await outcome()).to.deep.equal({ type });
    }
    suspects.abort(job.id, "stop");
    ending = ended({ type: "failed", error: { encoding: "b", bytes: new Uint8Array() }, summary: "stopped" });
    expect((await outcome()).type).to.equal("failed");
    expect(absolved).to.equal(0);
  });

  it("fails if its process dies and its host lives on, and is quarantined the second time", async () => {
    ending = { death: "SIGKILL" };
    expect((await outcome()).type).to.equal("failed");
    const second = await outcome();
    if (second.type !== "quarantined") throw new Error(second.type);
    expect(unpack(second.error.encoding, second.error.bytes)).to.have.property("code", "ERR_BATON_QUARANTINED");
    expect(absolved).to.equal(0);
  });

  it("is released, accused of nothing, if its host dies too, or if it is no longer its host's", async () => {
    ending = { death: "SIGKILL" };
    survived = false;
    expect(await outcome()).to.deep.equal({ type: "released" });
    survived = true;
    counted = null;
    expect(await outcome()).to.deep.equal({ type: "released" });
  });

  it("is accused again after the database was away or a reply was lost, and one death counts once", async () => {
    ending = { death: "SIGKILL" };
    failures = [new Error("away"), new Error("away")];
    expect((await outcome()).type).to.equal("failed");
    expect(counted).to.equal(1);
  });
});

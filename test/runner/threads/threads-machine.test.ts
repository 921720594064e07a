import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { type Run, Threads } from "../../../lib/runner/threads/threads.js";
import type { Outcome } from "../../../lib/job/outcome.js";
import { Telemetry } from "../../../lib/telemetry.js";
import { claimedJob, sampleModule, testModule, valueIn } from "../../support/claimed.js";
import { print } from "../../support/print.js";

const KINDS = ["double", "exit", "exit-later", "throw", "broken", "leftover", "batch", "killed"] as const;
type Kind = (typeof KINDS)[number];

/** Possible outcomes by kind of job. The innocent are never blamed, the guilty never spared. */
const MAY: Readonly<Record<Kind, readonly Outcome["type"][]>> = {
  // Released if the thread ended before the job had begun.
  double: ["completed", "released"],
  exit: ["failed", "released"],
  "exit-later": ["completed", "released"],
  throw: ["failed", "released"],
  broken: ["failed", "released"],
  leftover: ["completed", "released"],
  batch: ["completed", "failed", "released"],
  // The job may end by itself before the kill.
  killed: ["too_large", "failed", "released"],
};

interface Step {
  readonly kind: Kind;
  /** Whether the next step waits for this one. */
  readonly waits: boolean;
}

const steps: fc.Arbitrary<Step[]> = fc.array(fc.record({ kind: fc.constantFrom(...KINDS), waits: fc.boolean() }), {
  minLength: 3,
  maxLength: 14,
});

describe("Threads, whatever jobs do to them in any order,", () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "baton-machine-"));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  function run(threads: Threads, kind: Kind, file: string): Promise<Run[]> {
    const one = (worker: string, module: string, args: unknown = {}) =>
      threads.runBatch([claimedJob(worker, args)], testModule(module));
    switch (kind) {
      case "double":
        return threads.runBatch([claimedJob("double", { int: 21 })], sampleModule("double.js"));
      case "exit":
      case "exit-later":
        return one(kind, "crash.js");
      case "throw":
        return one("batched", "batched.js", { int: 1, fault: "throw" });
      case "broken":
        return one("broken", "broken.js");
      case "leftover":
        if (!existsSync(file)) writeFileSync(file, "");
        return one("leftover", "leftover.js", { file, how: "exit" });
      case "batch": {
        const jobs = ["", "exit", ""].map((fault, int) => claimedJob("batched", { int, fault }));
        return threads.runBatch(jobs, testModule("batched.js"));
      }
      case "killed": {
        const job = claimedJob("abortable");
        const runs = threads.runBatch([job], testModule("stray.js"));
        void threads.kill(job.id, { type: "too_large" });
        return runs;
      }
    }
  }

  it("end every run as its job deserves, and are all free afterwards", async function () {
    this.timeout(120_000);
    const counted = { runs: 0, released: 0 };
    async function judged(kind: Kind, runs: Promise<Run[]>): Promise<void> {
      for (const { outcome } of await runs) {
        expect(outcome.type, kind).to.be.oneOf(MAY[kind]);
        counted.runs += 1;
        if (outcome.type === "released") counted.released += 1;
      }
    }
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.integer({ min: 1, max: 2 }),
        fc.constantFrom(2, Infinity),
        async (todo, size, maxJobs) => {
          const threads = new Threads({ size, resultLimit: 8_192, telemetry: new Telemetry("test"), maxJobs });
          await threads.start();
          const file = join(folder, "file");
          const all: Promise<void>[] = [];
          for (const { kind, waits } of todo) {
            const settled = judged(kind, run(threads, kind, file));
            all.push(settled);
            if (waits) await settled;
          }
          await Promise.all(all);
          // A leftover may still end a thread. Then another thread does this.
          let last: Outcome;
          do [{ outcome: last }] = (await run(threads, "double", file)) as [Run];
          while (last.type === "released");
          expect(valueIn(last)).to.equal(42);
          await threads.stop();
          expect(threads.ending).to.equal(0);
        },
      ),
      { numRuns: 25 },
    );
    print(`${counted.runs} runs, of which ${counted.released} were given back`);
  });
});

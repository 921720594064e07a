import { expect } from "chai";
import fc from "fast-check";
import { type Evidence, fatesOf } from "../../../lib/runner/threads/blame.js";

/**
 * Evidence about messages of 1 to 5 jobs. The caller of `process.exit` is one of them, an
 * earlier job, unknown, or nobody.
 */
const evidences: fc.Arbitrary<Evidence> = fc.integer({ min: 1, max: 5 }).chain((count) =>
  fc.record({
    ids: fc.constant(Array.from({ length: count }, (_, at) => at + 1)),
    begun: fc.integer({ min: 0, max: count }),
    exitCaller: fc.oneof(
      fc.constantFrom(null, "unknown" as const),
      fc.integer({ min: 1, max: count }),
      fc.integer({ min: 100, max: 105 }),
    ),
    fresh: fc.boolean(),
  }),
);

describe("The fate of jobs whose thread has ended under them", () => {
  it("is guilty for the job that called process.exit, and for one alone in a fresh thread", () => {
    expect(fatesOf({ ids: [1, 2, 3], begun: 2, exitCaller: 2, fresh: false })).to.deep.equal([
      "released",
      "guilty",
      "released",
    ]);
    expect(fatesOf({ ids: [1], begun: 1, exitCaller: null, fresh: true })).to.deep.equal(["guilty"]);
    expect(fatesOf({ ids: [1], begun: 1, exitCaller: "unknown", fresh: true })).to.deep.equal(["guilty"]);
  });

  it("is a rerun if an earlier job is, or may be, to blame", () => {
    for (const exitCaller of [null, "unknown", 100] as const) {
      expect(fatesOf({ ids: [1], begun: 1, exitCaller, fresh: false })).to.deep.equal(["rerun"]);
    }
    expect(fatesOf({ ids: [1, 2, 3], begun: 2, exitCaller: null, fresh: true })).to.deep.equal([
      "rerun",
      "rerun",
      "released",
    ]);
  });

  it("is released for jobs that had not begun, and guilty for one at most", () => {
    fc.assert(
      fc.property(evidences, (evidence) => {
        const fates = fatesOf(evidence);
        expect(fates).to.have.length(evidence.ids.length);
        expect(fates.slice(evidence.begun).every((fate) => fate === "released")).to.equal(true);
        expect(fates.filter((fate) => fate === "guilty").length).to.be.at.most(1);
      }),
    );
  });

  it("costs one job its attempt, or is a rerun for each that had begun", () => {
    fc.assert(
      fc.property(evidences, (evidence) => {
        const fates = fatesOf(evidence);
        const started = fates.slice(0, evidence.begun);
        expect(fates.includes("guilty") || started.every((fate) => fate === "rerun")).to.equal(true);
      }),
    );
  });

  it("is guilty after the second run, whatever ends that", () => {
    fc.assert(
      fc.property(evidences, ({ exitCaller }) => {
        expect(fatesOf({ ids: [1], begun: 1, exitCaller, fresh: true })).to.deep.equal(["guilty"]);
      }),
    );
  });
});

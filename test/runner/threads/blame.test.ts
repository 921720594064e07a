import { expect } from "chai";
import fc from "fast-check";
import { type Evidence, fatesOf } from "../../../lib/runner/threads/blame.js";

/** Endings of threads under messages of 1 to 5 jobs, whose exitCaller is one of them, an earlier one, not known, or nobody. */
const endings: fc.Arbitrary<Evidence> = fc.integer({ min: 1, max: 5 }).chain((count) =>
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

describe("the fate of jobs whose thread has ended under them", () => {
  it("is guilt for the one that called process.exit, and for one that had a fresh thread to itself", () => {
    expect(fatesOf({ ids: [1, 2, 3], begun: 2, exitCaller: 2, fresh: false })).to.deep.equal([
      "released",
      "guilty",
      "released",
    ]);
    expect(fatesOf({ ids: [1], begun: 1, exitCaller: null, fresh: true })).to.deep.equal(["guilty"]);
    expect(fatesOf({ ids: [1], begun: 1, exitCaller: "unknown", fresh: true })).to.deep.equal(["guilty"]);
  });

  it("is another run where an earlier job may be to blame, or is", () => {
    for (const exitCaller of [null, "unknown", 100] as const) {
      expect(fatesOf({ ids: [1], begun: 1, exitCaller, fresh: false })).to.deep.equal(["rerun"]);
    }
    expect(fatesOf({ ids: [1, 2, 3], begun: 2, exitCaller: null, fresh: true })).to.deep.equal([
      "rerun",
      "rerun",
      "released",
    ]);
  });

  it("is never blame or another run for a job that had not begun, and never blame for two", () => {
    fc.assert(
      fc.property(endings, (ending) => {
        const fates = fatesOf(ending);
        expect(fates).to.have.length(ending.ids.length);
        expect(fates.slice(ending.begun).every((fate) => fate === "released")).to.equal(true);
        expect(fates.filter((fate) => fate === "guilty").length).to.be.at.most(1);
      }),
    );
  });

  it("costs somebody an attempt, or gives each that had begun a run of its own", () => {
    fc.assert(
      fc.property(endings, (ending) => {
        const fates = fatesOf(ending);
        const started = fates.slice(0, ending.begun);
        expect(fates.includes("guilty") || started.every((fate) => fate === "rerun")).to.equal(true);
      }),
    );
  });

  it("is decided by the second run, whatever ends that", () => {
    fc.assert(
      fc.property(endings, ({ exitCaller }) => {
        expect(fatesOf({ ids: [1], begun: 1, exitCaller, fresh: true })).to.deep.equal(["guilty"]);
      }),
    );
  });
});

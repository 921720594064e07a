import { expect } from "chai";
import fc from "fast-check";
import { ANSWER_KINDS, isFinalKind } from "../../lib/job/answer.js";
import type { JobState } from "../../lib/job/job.js";
import type { EndedOutcome } from "../../lib/job/outcome.js";
import { backoff, transition } from "../../lib/job/transition.js";

const encoded = { encoding: "b", bytes: Uint8Array.of(1, 2, 3) } as const;
const half = (): number => 0.5;

const OUTCOMES: readonly EndedOutcome[] = [
  { type: "completed", result: null },
  { type: "completed", result: encoded },
  { type: "too_large" },
  { type: "failed", error: encoded, summary: "Error: no" },
  { type: "failed", error: encoded, summary: "Error: no", backoff: 1_234 },
  { type: "discarded", reason: encoded, summary: "Discarded" },
  { type: "cancelled", reason: encoded, summary: "Cancelled" },
  { type: "snoozed", seconds: 7, value: encoded },
  { type: "released" },
];

function isFinal(state: JobState): boolean {
  return ["completed", "discarded", "cancelled"].includes(state);
}

/** Numbers of attempts, the last one included. */
const counts = fc
  .tuple(fc.integer({ min: 1, max: 32_767 }), fc.integer({ min: 1, max: 32_767 }))
  .map(([attempt, maxAttempts]) => ({ attempt: Math.min(attempt, maxAttempts), maxAttempts }));

describe("transition", () => {
  const attempt = { attempt: 3, maxAttempts: 20 };

  it("completes a job with a result, without one, or with one that is too large", () => {
    const rest = { state: "completed", delay: 0, counted: true, error: null };
    expect(transition({ type: "completed", result: encoded }, attempt, half)).to.deep.equal({
      ...rest,
      answer: { kind: ANSWER_KINDS.value, ...encoded },
    });
    const none = { encoding: "-", bytes: new Uint8Array(0) };
    expect(transition({ type: "completed", result: null }, attempt, half)).to.deep.equal({
      ...rest,
      answer: { kind: ANSWER_KINDS.completed, ...none },
    });
    expect(transition({ type: "too_large" }, attempt, half)).to.deep.equal({
      ...rest,
      answer: { kind: ANSWER_KINDS.tooLarge, ...none },
    });
  });

  it("retries a failed job after the worker's backoff or, without one, the default", () => {
    const failed = { type: "failed", error: encoded, summary: "Error: no" } as const;
    const next = {
      state: "retryable",
      answer: { kind: ANSWER_KINDS.failed, ...encoded },
      counted: true,
      error: "Error: no",
    };
    expect(transition(failed, attempt, half)).to.deep.equal({ ...next, delay: backoff(3, half) });
    const atOnce = { ...next, delay: 0, state: "available" };
    expect(transition({ ...failed, backoff: 0 }, attempt, half)).to.deep.equal(atOnce);
  });

  it("discards a job that fails in its last attempt, with its error as the answer", () => {
    const failed = { type: "failed", error: encoded, summary: "Error: no", backoff: 5 } as const;
    expect(transition(failed, { attempt: 3, maxAttempts: 3 }, half)).to.deep.equal({
      state: "discarded",
      answer: { kind: ANSWER_KINDS.exhausted, ...encoded },
      delay: 0,
      counted: true,
      error: "Error: no",
    });
  });

  it("reschedules a snoozed job without counting the attempt", () => {
    expect(transition({ type: "snoozed", seconds: 7, value: encoded }, attempt, half)).to.deep.equal({
      state: "scheduled",
      answer: { kind: ANSWER_KINDS.snoozed, ...encoded },
      delay: 7_000,
      counted: false,
      error: null,
    });
  });

  it("returns a released job to the queue, without counting the attempt or answering", () => {
    expect(transition({ type: "released" }, attempt, half)).to.deep.equal({
      state: "available",
      answer: null,
      delay: 0,
      counted: false,
      error: null,
    });
  });

  it("gives a final answer if and only if the state is final", () => {
    fc.assert(
      fc.property(fc.constantFrom(...OUTCOMES), counts, (outcome, count) => {
        const { state, answer } = transition(outcome, count, half);
        if (answer !== null) expect(isFinalKind(answer.kind)).to.equal(isFinal(state));
      }),
    );
  });

  it("delays only jobs that run again, and leaves no job executing", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...OUTCOMES),
        counts,
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (outcome, count, random) => {
          const { state, delay } = transition(outcome, count, () => random);
          expect(state).not.to.equal("executing");
          if (isFinal(state)) expect(delay).to.equal(0);
          expect(delay).to.be.within(0, 15 * 86_400_000);
        },
      ),
    );
  });

  it("allows no job more attempts than its maximum", () => {
    fc.assert(
      fc.property(fc.constantFrom(...OUTCOMES), counts, (outcome, count) => {
        const { state, counted } = transition(outcome, count, half);
        if (!isFinal(state) && counted) expect(count.attempt).to.be.lessThan(count.maxAttempts);
      }),
    );
  });
});

describe("backoff", () => {
  it("is that of Oban: 15 s plus 2^attempt s, plus up to a tenth", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 32_767 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempt, random) => {
          const least = (15 + 2 ** Math.min(attempt, 20)) * 1_000;
          expect(backoff(attempt, () => random)).to.be.within(least, least * 1.1);
        },
      ),
    );
  });

  it("grows up to the twentieth attempt", () => {
    const delays = Array.from({ length: 25 }, (_, index) => backoff(index + 1, () => 0));
    expect(delays.slice(0, 3)).to.deep.equal([17_000, 19_000, 23_000]);
    expect(delays[19]).to.equal(1_048_591_000);
    expect(new Set(delays.slice(19)).size).to.equal(1);
  });

  it("spreads jobs that failed together", () => {
    expect(backoff(5, () => 0)).to.be.lessThan(backoff(5, () => 0.9));
  });
});

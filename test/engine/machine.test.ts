import { expect } from "chai";
import fc from "fast-check";
import { type AnswerKind, isFinalKind } from "../../lib/job/answer.js";
import type { EndedOutcome } from "../../lib/job/outcome.js";
import { transition } from "../../lib/job/transition.js";
import { parseEnvelope } from "../../lib/relay/envelope.js";
import { Engines } from "../support/engines.js";
import { HOSTS, Machine } from "../support/machine.js";
import { print } from "../support/print.js";

const packed = { encoding: "b", bytes: Buffer.from("x") } as const;
/** Possible outcomes. Retries and snoozes are due at once, or never by themselves. */
const OUTCOMES: readonly EndedOutcome[] = [
  { type: "completed", result: null },
  { type: "completed", result: packed },
  { type: "too_large" },
  { type: "failed", error: packed, summary: "no", backoff: 0 },
  { type: "failed", error: packed, summary: "no", backoff: 1e9 },
  { type: "discarded", reason: packed, summary: "no" },
  { type: "cancelled", reason: packed, summary: "no" },
  { type: "snoozed", seconds: 0, value: packed },
  { type: "snoozed", seconds: 1e6, value: packed },
  { type: "quarantined", error: packed, summary: "no" },
  { type: "released" },
];

type Step = { readonly does: string; readonly run: (machine: Machine) => Promise<void> };

/** A step with a description for the counterexample. */
function named(does: string, run: Step["run"]): Step {
  return { does, run };
}

const FIRST = { attempt: 1, maxAttempts: 9 };
/** Mostly outcomes that do not end the job, since only then late writes are dangerous. */
const outcomes = fc.oneof(
  fc.constantFrom(...OUTCOMES),
  fc.constantFrom(...OUTCOMES.filter((outcome) => transition(outcome, FIRST, () => 0).state === "available")),
);
/** Mostly the first host, so that it often claims the same job again. */
const host = fc.oneof(fc.constant(HOSTS[0]), fc.constantFrom(...HOSTS));
/** How many claims ago a step refers to: late steps are about an earlier claim of the host. */
const old = fc.nat(2);

const steps = fc.oneof(
  {
    weight: 10,
    arbitrary: fc
      .tuple(host, fc.boolean())
      .map(([by, begin]) => named(`${by} claims, begin ${begin}`, (machine) => machine.claim(by, begin))),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(host, old).map(([by, ago]) => named(`${by} begins`, (machine) => machine.begin(by, ago))),
  },
  {
    weight: 10,
    arbitrary: fc
      .tuple(host, old, outcomes, fc.boolean())
      .map(([by, ago, outcome, twice]) =>
        named(`${by} completes, ${ago} claims ago, ${outcome.type}`, (machine) =>
          machine.complete(by, ago, outcome, twice),
        ),
      ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(host, fc.boolean())
      .map(([of, died]) => named(`${of} is ${died ? "gone" : "silent"}`, (machine) => machine.rescue(of, died))),
  },
  {
    weight: 1,
    arbitrary: host.map((of) => named(`${of} is rescued too late`, (machine) => machine.rescueTooLate(of))),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(host, old).map(([by, ago]) => named(`${by} absolves`, (machine) => machine.absolve(by, ago))),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(host, old, fc.boolean())
      .map(([by, ago, twice]) =>
        named(`${by} stops and interrupts, ${ago} claims ago`, (machine) => machine.interrupt(by, ago, twice)),
      ),
  },
  { weight: 2, arbitrary: host.map((of) => named(`${of} registers`, (machine) => machine.register(of))) },
  { weight: 1, arbitrary: fc.constant(named("it is inserted again", (machine) => machine.insertAgain())) },
  { weight: 1, arbitrary: fc.constant(named("its time comes", (machine) => machine.makeDue())) },
  { weight: 1, arbitrary: fc.constant(named("it is cancelled", (machine) => machine.cancel())) },
  {
    weight: 1,
    arbitrary: fc.boolean().map((due) => named(`prune, due ${due}`, (machine) => machine.prune(due))),
  },
);

describe("one job and three hosts, in any order of steps", () => {
  let engines: Engines;

  before(async () => {
    engines = await Engines.start();
  });

  after(() => engines.stop());

  it("keep the rules: one holder, one end, and each outcome sent to the awaiter once and in order", async function () {
    this.timeout(120_000);
    const counted = { jobs: 0, steps: 0, ended: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 5, maxLength: 40 }), async (todo) => {
        const machine = new Machine(engines);
        await machine.start();
        for (const { run } of todo) {
          await run(machine);
          await machine.check();
        }
        await engines.settle();
        const heard = engines.heard.filter(({ channel }) => channel === "baton.relay.one");
        const kinds = heard.map(({ payload }) => {
          const envelope = parseEnvelope(payload);
          expect(envelope?.ref).to.equal(machine.row.ref);
          return envelope?.answer === "f" ? "f" : envelope?.answer.kind;
        });
        expect(kinds, "told").to.deep.equal(machine.told);
        expect(kinds.filter((kind) => isFinalKind(kind as AnswerKind)).length, "ends told").to.be.at.most(1);
        counted.jobs += 1;
        counted.steps += todo.length;
        if (machine.ended) counted.ended += 1;
      }),
      { numRuns: 200 },
    );
    print(`${counted.steps} steps on ${counted.jobs} jobs, of which ${counted.ended} came to their end`);
  });
});

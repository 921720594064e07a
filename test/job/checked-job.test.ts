import { expect } from "chai";
import fc from "fast-check";
import { InvalidJobError } from "../../lib/errors.js";
import { checkJob, checkJobs } from "../../lib/job/checked-job.js";
import type { NewJob, NewJobOptions } from "../../lib/job/new-job.js";

function job(args: unknown, options: NewJobOptions = {}): NewJob {
  return { worker: "w", args, options };
}

function fieldsOf(job: unknown): readonly string[] {
  try {
    checkJob(job as NewJob);
    return [];
  } catch (error) {
    if (error instanceof InvalidJobError) return error.problems.map(({ field }) => field);
    throw error;
  }
}

describe("checkJob", () => {
  it("fills in the defaults", () => {
    expect(checkJob(job({ a: 1 }))).to.deep.equal({
      worker: "w",
      queue: "default",
      args: '{"a":1}',
      meta: {},
      tags: [],
      priority: 0,
      maxAttempts: 20,
      scheduledAt: null,
      scheduleIn: null,
    });
  });

  it("reads undefined args as {}", () => {
    expect(checkJob(job(undefined)).args).to.equal("{}");
    expect(checkJob(job(null)).args).to.equal("null");
  });

  it("accepts all options within the limits", () => {
    const options = fc.record(
      {
        queue: fc.stringMatching(/^[\w.-]{1,64}$/),
        priority: fc.integer({ min: 0, max: 32_767 }),
        maxAttempts: fc.integer({ min: 1, max: 32_767 }),
        tags: fc.array(fc.stringMatching(/^[a-zäß漢 ]{1,255}$/), { maxLength: 64 }),
        meta: fc.dictionary(fc.stringMatching(/^[a-z]*$/), fc.integer()),
        scheduleIn: fc.double({ min: 0, max: 100 * 365 * 86_400_000, noNaN: true }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(options, (given) => {
        const { args: _args, worker: _worker, scheduledAt, ...checked } = checkJob(job({}, given));
        expect(scheduledAt).to.equal(null);
        expect(checked).to.deep.equal({
          queue: "default",
          meta: {},
          tags: [],
          priority: 0,
          maxAttempts: 20,
          scheduleIn: null,
          ...given,
        });
      }),
    );
  });

  it("accepts times in the years 0 to 9999, as ms since the epoch", () => {
    expect(checkJob(job({}, { scheduledAt: new Date(1_234) }))).to.include({ scheduledAt: 1_234, scheduleIn: null });
    expect(fieldsOf(job({}, { scheduledAt: new Date("-000001-12-31T23:59:59.999Z") }))).to.deep.equal(["scheduledAt"]);
    expect(fieldsOf(job({}, { scheduledAt: new Date("0000-01-01T00:00:00Z") }))).to.deep.equal([]);
    expect(fieldsOf(job({}, { scheduledAt: new Date("9999-12-31T23:59:59.999Z") }))).to.deep.equal([]);
    expect(fieldsOf(job({}, { scheduledAt: new Date("+010000-01-01T00:00:00Z") }))).to.deep.equal(["scheduledAt"]);
  });

  it("rejects each invalid option by name", () => {
    const bad: readonly (readonly [string, unknown[]])[] = [
      ["queue", ["", "a b", "x".repeat(65), 1, null]],
      ["priority", [-1, 0.5, 32_768, "1", Number.NaN, null]],
      ["maxAttempts", [0, -1, 1.5, 32_768, "20", null]],
      ["tags", ["a", [""], ["x".repeat(256)], ["a\0"], ["\uD83D"], Array(65).fill("t"), [1], null]],
      ["meta", [[], "a", 1, null]],
      ["scheduleIn", [-1, Number.NaN, Number.POSITIVE_INFINITY, "1", null]],
      ["scheduledAt", [0, "2030-01-01", new Date(Number.NaN), null]],
    ];
    for (const [field, values] of bad) {
      for (const value of values) expect(fieldsOf(job({}, { [field]: value })), field).to.deep.equal([field]);
    }
  });

  it("rejects args of more than 16 MiB of JSON", () => {
    const fits = "x".repeat(16 * 1_024 * 1_024 - 2);
    expect(fieldsOf(job(fits))).to.deep.equal([]);
    expect(fieldsOf(job(`${fits}x`))).to.deep.equal(["args"]);
  });

  it("counts the bytes of args as UTF-8", () => {
    expect(fieldsOf(job("ü".repeat(8 * 1_024 * 1_024)))).to.deep.equal(["args"]);
  });

  it("rejects meta of more than 1 MiB of JSON", () => {
    const text = "x".repeat(1_024 * 1_024 - '{"a":""}'.length);
    expect(fieldsOf(job({}, { meta: { a: text } }))).to.deep.equal([]);
    expect(fieldsOf(job({}, { meta: { a: `${text}x` } }))).to.deep.equal(["meta"]);
  });

  it("rejects too many jobs for one statement, by number and by size", () => {
    const many = Array.from({ length: 100_001 }, () => job({}));
    expect(checkJobs(many.slice(1))).to.have.length(100_000);
    expect(() => checkJobs(many)).to.throw(InvalidJobError, "jobs are 100001, more than 100000");
    const large = job("x".repeat(8 * 1_024 * 1_024 - 2));
    expect(checkJobs(Array.from({ length: 8 }, () => large))).to.have.length(8);
    expect(() => checkJobs(Array.from({ length: 9 }, () => large))).to.throw(InvalidJobError, "Insert them in parts");
    const meta = { a: "x".repeat(1_000_000) };
    expect(() => checkJobs(Array.from({ length: 70 }, () => job({}, { meta })))).to.throw(InvalidJobError, "meta");
  });

  it("throws no other error, whatever the job is", () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), fc.anything(), (worker, args, options) => {
        fieldsOf({ worker, args, options });
        fieldsOf(options);
      }),
    );
  });

  it("names the invalid value", () => {
    const given: readonly (readonly [options: object, says: string])[] = [
      [{ queue: "a b" }, "queue must be 1 to 64 letters, digits or any of _ . -, not 'a b'"],
      [{ priority: "1" }, "priority must be an integer from 0 to 32767, not '1'"],
      [{ scheduleIn: -5 }, "scheduleIn must be a number of ms from 0 to 3153600000000 (a century), not -5"],
      [{ scheduledAt: 7 }, "scheduledAt must be a valid Date, not 7"],
      [{ tags: [1] }, "not [ 1 ]"],
      [{ meta: "x" }, "meta must be a JSON object, not 'x'"],
    ];
    for (const [options, says] of given) expect(() => checkJob(job({}, options))).to.throw(InvalidJobError, says);
  });
});

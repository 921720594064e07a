import { deepStrictEqual } from "node:assert/strict";
import { expect } from "chai";
import { pack, unpack } from "../../lib/codec/codec.js";
import { InvalidOptionError, JobNotFoundError } from "../../lib/errors.js";
import { ANSWER_KINDS, type AnswerKind, answerWith, type Encoded } from "../../lib/job/answer.js";
import { makeRelay, newRef } from "../../lib/relay/relay.js";
import { type AwaitResult, goneResult, toResult } from "../../lib/relay/result.js";

const relay = makeRelay({ id: 7, worker: "w", queue: "default" }, "host", newRef());

function resultOf(kind: AnswerKind, value: unknown): AwaitResult {
  const answer = answerWith(kind, pack(value) as Encoded);
  const decode = ({ encoding, bytes }: Encoded): unknown => unpack(encoding, bytes);
  return toResult(relay, { answer, via: "notify", attempt: 1, host: "h" }, decode);
}

function json(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

describe("a result as JSON", () => {
  const job = { id: 7, state: "discarded", attempt: 1, host: "h" };

  it("shows the job's error by name, message and code, without its stack", () => {
    const error = Object.assign(new TypeError("no paper"), { code: "PAPER", tray: 3n });
    expect(json(resultOf(ANSWER_KINDS.exhausted, error))).to.deep.equal({
      ok: false,
      error: { name: "TypeError", message: "no paper", code: "PAPER" },
      job,
      via: "notify",
    });
    expect(json(resultOf(ANSWER_KINDS.exhausted, new Error("plain")))).to.deep.include({
      error: { name: "Error", message: "plain" },
    });
  });

  it("shows Baton's errors with their own properties", () => {
    expect(json(goneResult(relay))).to.deep.include({
      error: {
        name: "JobNotFoundError",
        message: (goneResult(relay) as { error: Error }).error.message,
        code: "ERR_BATON_JOB_NOT_FOUND",
      },
    });
    expect(json(new InvalidOptionError("threads", "must be 1"))).to.deep.equal({
      name: "InvalidOptionError",
      message: "Option threads must be 1",
      code: "ERR_BATON_INVALID_OPTION",
      option: "threads",
    });
  });

  it("is unchanged for a value, and for an outcome without an error", () => {
    expect(json(resultOf(ANSWER_KINDS.value, { a: 1 }))).to.deep.include({ ok: true, value: { a: 1 } });
    expect(json(resultOf(ANSWER_KINDS.discarded, "why"))).to.deep.include({ error: "discarded", reason: "why" });
  });

  it("does not affect comparisons", () => {
    const result = resultOf(ANSWER_KINDS.exhausted, new JobNotFoundError("gone"));
    expect(Object.keys(result)).to.deep.equal(["ok", "error", "job", "via"]);
    if (result.ok) throw new Error("it is no value");
    const plain = { ok: false, error: result.error, job, via: "notify" };
    deepStrictEqual(result, plain);
    expect(result).to.deep.equal(plain);
  });
});

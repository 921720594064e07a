import { expect } from "chai";
import fc from "fast-check";
import { ANSWER_KINDS, type Answer, bareAnswer } from "../../lib/job/answer.js";
import { ENVELOPE_LIMIT, formatEnvelope, parseEnvelope, envelopeRef } from "../../lib/relay/envelope.js";
import { newRef } from "../../lib/relay/relay.js";

const ref = newRef();

function withBytes(bytes: Uint8Array): Answer {
  return { kind: ANSWER_KINDS.value, encoding: "b", bytes };
}

describe("an envelope", () => {
  it("survives a round trip, for every kind, encoding and value", () => {
    const answers = fc.oneof(
      fc.constantFrom(...Object.values(ANSWER_KINDS)).map(bareAnswer),
      fc.record({
        kind: fc.constantFrom(...Object.values(ANSWER_KINDS)),
        encoding: fc.constantFrom("b" as const, "z" as const),
        bytes: fc.uint8Array({ minLength: 1, maxLength: 5_979 }),
      }),
    );
    fc.assert(
      fc.property(answers, (answer) => {
        const text = formatEnvelope(ref, answer);
        expect(text).to.match(/^[\w-]+$/);
        const envelope = parseEnvelope(text);
        if (envelope === null || envelope.answer === "f") throw new Error("not read");
        expect(envelope.ref).to.equal(ref);
        expect({ ...envelope.answer, bytes: [...envelope.answer.bytes] }).to.deep.equal({
          ...answer,
          bytes: [...answer.bytes],
        });
      }),
    );
  });

  it("holds 5,979 bytes, and fits into one notification", () => {
    const text = formatEnvelope(ref, withBytes(new Uint8Array(5_979)));
    expect(text.length).to.be.at.most(ENVELOPE_LIMIT);
    expect(parseEnvelope(text)?.answer).to.not.equal("f");
  });

  it("refers to the row for an answer that has a byte more", () => {
    const text = formatEnvelope(ref, withBytes(new Uint8Array(5_980)));
    expect(text).to.equal(`R1${ref}f-`);
    expect(parseEnvelope(text)).to.deep.equal({ ref, answer: "f" });
  });

  const good = formatEnvelope(ref, withBytes(Buffer.from("value")));
  for (const [what, text] of [
    ["nothing", ""],
    ["another version", `R2${good.slice(2)}`],
    ["an unknown kind", `${good.slice(0, 24)}q${good.slice(25)}`],
    ["an unknown encoding", `${good.slice(0, 25)}q${good.slice(26)}`],
    ["a value without an encoding", `${good.slice(0, 25)}-${good.slice(26)}`],
    ["an encoding without a value", good.slice(0, 26)],
    ["a reference to the row with a body", `R1${ref}f-AAAA`],
    ["characters outside base64url", `${good}!`],
    ["eight thousand bytes", `R1${ref}vb${"A".repeat(7_974)}`],
  ] as const) {
    it(`is not parsed from ${what}`, () => {
      expect(parseEnvelope(text)).to.equal(null);
    });
  }

  it("is parsed or refused, and never throws, for any text", () => {
    const near = fc
      .tuple(fc.nat(good.length), fc.string({ unit: "binary" }))
      .map(([at, text]) => good.slice(0, at) + text);
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), near), (text) => {
        parseEnvelope(text);
        envelopeRef(text);
      }),
      { numRuns: 2_000 },
    );
  });
});

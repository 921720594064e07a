import { decode, encode, pack, unpack } from "../lib/codec/codec.js";
import { ANSWER_KINDS } from "../lib/job/answer.js";
import { formatEnvelope, parseEnvelope } from "../lib/relay/envelope.js";
import { newRef } from "../lib/relay/relay.js";
import type { Question } from "./support/question.js";
import type { Row } from "./support/report.js";
import { spread } from "./support/stats.js";

const SMALL = { id: 1, ok: true, name: "resized" };
const ROWS = Array.from({ length: 1_000 }, (_, id) => ({
  id,
  name: `user ${id}`,
  email: `user${id}@example.com`,
  score: id * 1.37,
  active: id % 2 === 0,
  tags: ["a", "b"],
}));

/** What encoding and decoding cost, beside JSON to bytes and back. */
export const codec: Question = {
  scope: "codec",
  async ask({ rounds }) {
    const ref = newRef();
    return [
      compared(
        "small result, encode + decode",
        rounds,
        50_000,
        3,
        () => decode(encode(SMALL)),
        () => viaJson(SMALL),
      ),
      compared(
        "100 kB of rows, encode + decode",
        rounds,
        100,
        1,
        () => decode(encode(ROWS)),
        () => viaJson(ROWS),
      ),
      compared(
        "small result, the whole way with its envelope",
        rounds,
        20_000,
        null,
        () => wholeWay(SMALL, ref),
        () => viaJson(SMALL),
      ),
    ];
  },
};

function viaJson(value: unknown): unknown {
  return JSON.parse(Buffer.from(JSON.stringify(value)).toString());
}

function wholeWay(value: unknown, ref: string): unknown {
  const packed = pack(value);
  if (packed.tooLarge === true) throw new Error("The value is too large");
  const { encoding, bytes } = packed;
  const envelope = parseEnvelope(formatEnvelope(ref, { kind: ANSWER_KINDS.value, encoding, bytes }));
  if (envelope === null || envelope.answer === "f") throw new Error("The envelope did not come through");
  return unpack(envelope.answer.encoding, envelope.answer.bytes);
}

function compared(
  work: string,
  rounds: number,
  times: number,
  most: number | null,
  own: () => unknown,
  json: () => unknown,
): Row {
  perCall(times, own);
  perCall(times, json);
  const measured = Array.from({ length: rounds }, () => ({ own: perCall(times, own), json: perCall(times, json) }));
  const ratio = spread(measured.map((round) => round.own / round.json));
  return {
    scope: "codec",
    work,
    figure: "time",
    unit: "µs",
    baton: spread(measured.map((round) => round.own)),
    beside: { name: "JSON", spread: spread(measured.map((round) => round.json)) },
    ratio,
    ...(most !== null && { target: { text: `ratio <= ${most}`, met: ratio.median <= most } }),
  };
}

/** µs a call. */
function perCall(times: number, work: () => unknown): number {
  const start = performance.now();
  for (let at = 0; at < times; at += 1) work();
  return ((performance.now() - start) / times) * 1_000;
}

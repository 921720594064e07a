import { decode, encode, pack, unpack } from "../lib/codec/codec.js";
import { formatEnvelope, parseEnvelope } from "../lib/relay/envelope.js";
import type { Contender, Question } from "./support/question.js";

const SMALL = { id: 4_711, name: "report", ok: true, tags: ["a", "b"], ratio: 0.75, note: null };
/** About 100 KB as JSON: what a query returns. */
const ROWS = Array.from({ length: 700 }, (_, id) => ({
  id,
  name: `customer ${id}`,
  email: `customer.${id}@example.com`,
  balance: id * 12.37,
  active: id % 3 === 0,
  since: `2024-0${1 + (id % 9)}-11T12:00:00.000Z`,
  note: id % 5 === 0 ? null : "paid in time",
}));
const REF = "AAAAAAAAAAAAAAAAAAAAAA";

const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const throughCodec = (value: unknown): unknown => decode(encode(value));

export const small: Question = {
  scope: "codec",
  title: "small result, encode and decode",
  about: `An object of six properties, ${JSON.stringify(SMALL).length} bytes as JSON. Floor: JSON.stringify and JSON.parse.`,
  lines: [
    {
      label: "both ways",
      unit: "µs",
      of: ["codec", "time"],
      against: ["json", "time"],
      target: { on: "ratio", atMost: 3 },
    },
    { label: "thread to awaiter: pack, envelope, unpack", unit: "µs", of: ["path", "time"], against: ["json", "time"] },
  ],
  open: async () => [
    contender("codec", 50_000, () => throughCodec(SMALL)),
    contender("json", 50_000, () => throughJson(SMALL)),
    contender("path", 50_000, throughEnvelope),
  ],
};

export const rows: Question = {
  scope: "codec",
  title: "100 KB of rows, encode and decode",
  about: `${ROWS.length} rows, ${JSON.stringify(ROWS).length} bytes as JSON. Floor: JSON.stringify and JSON.parse.`,
  lines: [
    {
      label: "both ways",
      unit: "µs",
      of: ["codec", "time"],
      against: ["json", "time"],
      target: { on: "ratio", atMost: 1 },
    },
  ],
  open: async () => [
    contender("codec", 500, () => throughCodec(ROWS)),
    contender("json", 500, () => throughJson(ROWS)),
  ],
};

/** All that becomes of a small result's bytes between the thread and the awaiter, but for the database. */
function throughEnvelope(): unknown {
  const packed = pack(SMALL);
  if (packed.tooLarge) throw new Error("The small result is too large");
  const envelope = parseEnvelope(formatEnvelope(REF, { kind: "v", ...packed }));
  if (envelope === null || envelope.answer === "f") throw new Error("The envelope does not parse");
  return unpack(envelope.answer.encoding, envelope.answer.bytes);
}

function contender(name: string, times: number, work: () => unknown): Contender {
  const round = async (): Promise<{ time: number }> => {
    const start = performance.now();
    let last: unknown;
    for (let time = 0; time < times; time += 1) last = work();
    const ms = performance.now() - start;
    if (last === undefined) throw new Error(`${name} came to nothing`);
    return { time: (ms * 1_000) / times };
  };
  return { name, round };
}

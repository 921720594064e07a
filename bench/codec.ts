import { Bench } from "tinybench";
import { decode, encode, pack, unpack } from "../lib/codec/codec.js";
import { formatEnvelope, parseEnvelope } from "../lib/relay/envelope.js";
import type { Contender, Question } from "./support/question.js";

/** ms that a round measures each contender. */
const TIME = 200;
const SMALL = { id: 4_711, name: "report", ok: true, tags: ["a", "b"], ratio: 0.75, note: null };
/** About 100 KB as JSON, as a query may return. */
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

const AGAINST = ["json", "time"] as const;
const BOTH_WAYS = { label: "both ways", unit: "µs", of: ["codec", "time"], against: AGAINST } as const;

export const small: Question = {
  scope: "codec",
  title: "small result, encode and decode",
  about:
    `An object of six properties, ${JSON.stringify(SMALL).length} bytes as JSON. ` +
    "Floor: JSON.stringify and JSON.parse.",
  lines: [
    { ...BOTH_WAYS, target: { on: "ratio", atMost: 3 } },
    { label: "thread to awaiter: pack, envelope, unpack", unit: "µs", of: ["path", "time"], against: AGAINST },
  ],
  open: async () => [
    contender("codec", () => decode(encode(SMALL))),
    contender("json", () => JSON.parse(JSON.stringify(SMALL))),
    contender("path", throughEnvelope),
  ],
};

export const rows: Question = {
  scope: "codec",
  title: "100 KB of rows, encode and decode",
  about: `${ROWS.length} rows, ${JSON.stringify(ROWS).length} bytes as JSON. Floor: JSON.stringify and JSON.parse.`,
  lines: [{ ...BOTH_WAYS, target: { on: "ratio", atMost: 1 } }],
  open: async () => [
    contender("codec", () => decode(encode(ROWS))),
    contender("json", () => JSON.parse(JSON.stringify(ROWS))),
  ],
};

/** The whole way of a small result from the thread to the awaiter, without the database. */
function throughEnvelope(): unknown {
  const packed = pack(SMALL);
  if (packed.tooLarge) throw new Error("The small result is too large");
  const envelope = parseEnvelope(formatEnvelope(REF, { kind: "v", ...packed }));
  if (envelope === null || envelope.answer === "f") throw new Error("The envelope does not parse");
  return unpack(envelope.answer.encoding, envelope.answer.bytes);
}

function contender(name: string, work: () => unknown): Contender {
  const round = async (): Promise<{ time: number }> => {
    const [task] = new Bench({ time: TIME, throws: true }).add(name, work).runSync();
    if (task?.result.state !== "completed") throw new Error(`${name} was not measured`);
    return { time: task.result.latency.mean * 1_000 };
  };
  return { name, round };
}

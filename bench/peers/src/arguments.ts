import { parseArgs } from "node:util";

export const PEERS = ["baton", "piscina", "graphile-worker", "pg-boss", "bullmq-postgres", "bullmq-redis"] as const;
export type PeerName = (typeof PEERS)[number];

/** What is measured, in this order. */
export const WORKS = ["latency", "same", "inflight", "noop", "cpu"] as const;
export type Work = (typeof WORKS)[number];

const REPORTERS = ["text", "json"] as const;
export type Reporter = (typeof REPORTERS)[number];

/** What the command line asks for. */
export interface Arguments {
  readonly peers: readonly PeerName[];
  readonly works: readonly Work[];
  readonly reporter: Reporter;
  readonly rounds: number;
  /** Divides the number of jobs: for trying the bench itself out, not for figures. */
  readonly scale: number;
  readonly help: boolean;
}

/** A command line that makes no sense. The message says what would. */
export class ArgumentsError extends Error {
  override readonly name = "ArgumentsError";
}

export const HELP = `Measure pg-baton beside its peers on the same work.

Usage: npm run bench:peers -- [options]

  --only <names>      ${PEERS.join(",")}; default: all
  --work <names>      ${WORKS.join(",")}; default: all
  --rounds <n>        every peer has its turn in each round; default: 3
  --reporter <name>   ${REPORTERS.join(" or ")}; default: text. The report alone goes to stdout, progress to stderr
  --scale <n>         an n-th of the jobs, to try it out; default: 1
  --help

With DATABASE_URL it makes databases of its own on that server, and drops them; without, it starts an embedded one. BullMQ
on Redis gets a redis-server of its own, and is left out where there is none.
`;

const OPTIONS = {
  only: { type: "string", default: PEERS.join(",") },
  work: { type: "string", default: WORKS.join(",") },
  rounds: { type: "string", default: "3" },
  reporter: { type: "string", default: "text" },
  scale: { type: "string", default: "1" },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** Reads the command line. Throws {@link ArgumentsError}. */
export function readArguments(args: readonly string[]): Arguments {
  const { only, work, rounds, reporter, scale, help } = parse(args);
  return {
    peers: namesOf("peer", PEERS, only),
    works: namesOf("work", WORKS, work),
    reporter: reporterOf(reporter),
    rounds: wholeNumber("--rounds", rounds),
    scale: wholeNumber("--scale", scale),
    help,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: false }).values;
  } catch (error) {
    throw new ArgumentsError(`${(error as Error).message.split(". ")[0]}; see --help`);
  }
}

function reporterOf(name: string): Reporter {
  const reporter = REPORTERS.find((known) => known === name);
  if (reporter !== undefined) return reporter;
  throw new ArgumentsError(`There is no reporter ${JSON.stringify(name)}: take ${REPORTERS.join(" or ")}`);
}

/** Those of `known` that a list with commas names, in their own order. */
function namesOf<Name extends string>(what: string, known: readonly Name[], list: string): Name[] {
  const asked = list.split(",").map((name) => name.trim());
  const unknown = asked.find((name) => !(known as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw new ArgumentsError(`There is no ${what} ${JSON.stringify(unknown)}: take ${known.join(", ")}`);
  }
  return known.filter((name) => asked.includes(name));
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1) return number;
  throw new ArgumentsError(`${option} must be a whole number from 1, not ${JSON.stringify(text)}`);
}

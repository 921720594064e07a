import { nameOf, namesOf, parse, type Reporter, REPORTERS, wholeNumber } from "../support/arguments.js";

export const PEERS = [
  "baton",
  "piscina",
  "floor",
  "graphile-worker",
  "pg-boss",
  "bullmq-postgres",
  "bullmq-redis",
] as const;
export type PeerName = (typeof PEERS)[number];

/** The kinds of work, in the order of the report. */
export const WORKS = ["latency", "same", "inflight", "noop", "cpu"] as const;
export type Work = (typeof WORKS)[number];

export interface Arguments {
  readonly peers: readonly PeerName[];
  readonly works: readonly Work[];
  readonly reporter: Reporter;
  readonly rounds: number;
  /** Divides the number of jobs, to try the bench out. Such figures mean nothing. */
  readonly scale: number;
  readonly help: boolean;
}

export const HELP = `Measure pg-baton beside its peers on the same work.

Usage: npm run bench:peers -- [options]

  --only <names>      ${PEERS.join(",")}; default: all
  --work <names>      ${WORKS.join(",")}; default: all
  --rounds <n>        every peer has its turn in each round; default: 3
  --reporter <name>   ${REPORTERS.join(", ")}; default: text. stdout gets the report alone, stderr the progress.
                      json is what npm run bench:docs takes
  --scale <n>         do an n-th of the jobs, to try the bench out; default: 1
  --help

With DATABASE_URL the bench creates databases of its own on that server and drops them afterwards. Without, it
starts an embedded server. BullMQ on Redis gets a redis-server of its own, and is left out where there is none.
`;

/** Reads the command line. @throws {@link ArgumentsError} */
export function readArguments(args: readonly string[]): Arguments {
  const { only, work, rounds, reporter, scale, help } = parse(args, {
    only: { type: "string", default: PEERS.join(",") },
    work: { type: "string", default: WORKS.join(",") },
    rounds: { type: "string", default: "3" },
    reporter: { type: "string", default: "text" },
    scale: { type: "string", default: "1" },
    help: { type: "boolean", short: "h", default: false },
  });
  return {
    peers: namesOf("peer", PEERS, split(only)),
    works: namesOf("work", WORKS, split(work)),
    reporter: nameOf("reporter", REPORTERS, reporter),
    rounds: wholeNumber("--rounds", rounds),
    scale: wholeNumber("--scale", scale),
    help,
  };
}

function split(names: string): string[] {
  return names.split(",").map((name) => name.trim());
}

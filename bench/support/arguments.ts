import { parseArgs } from "node:util";

export const SCOPES = ["latency", "inflight", "throughput", "cpu", "scale", "size", "codec", "stages", "idle"] as const;
export type Scope = (typeof SCOPES)[number];

const REPORTERS = ["text", "json", "html"] as const;
export type Reporter = (typeof REPORTERS)[number];

/** What the command line asks for. */
export interface Arguments {
  readonly scopes: readonly Scope[];
  readonly reporter: Reporter;
  readonly rounds: number;
  /** Where child processes write their CPU profiles; undefined: none are taken. */
  readonly profile: string | undefined;
  readonly help: boolean;
}

/** A command line that makes no sense. The message says what would. */
export class ArgumentsError extends Error {
  override readonly name = "ArgumentsError";
}

export const HELP = `Measure pg-baton beside the least that the same guarantees cost when written by hand.

Usage: npm run bench -- [options]

  --scope <names>     ${SCOPES.join(", ")} or all;
                      several by commas, or the option several times; default: all
  --reporter <name>   ${REPORTERS.join(", ")}; default: text. The report alone goes to stdout, progress to stderr;
                      html is one page with plots, for a file: npm run --silent bench -- --reporter html > bench.html
  --rounds <n>        rounds after the warm-up, each runs every side once; default: 3. A round while others had the
                      machine is discarded and run again, up to twice as many rounds in all
  --profile <folder>  write a CPU profile of each child process there; figures are worse for it
  --help

With DATABASE_URL it makes databases of its own on that server, and drops them; without, it starts an embedded one.
`;

const OPTIONS = {
  scope: { type: "string", multiple: true, default: ["all"] as string[] },
  reporter: { type: "string", default: "text" },
  rounds: { type: "string", default: "3" },
  profile: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** Reads the command line. Throws {@link ArgumentsError}. */
export function readArguments(args: readonly string[]): Arguments {
  const { scope, reporter, rounds, profile, help } = parse(args);
  return { scopes: scopesOf(scope), reporter: reporterOf(reporter), rounds: roundsOf(rounds), profile, help };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: false }).values;
  } catch (error) {
    throw new ArgumentsError(`${(error as Error).message.split(". ")[0]}; see --help`);
  }
}

function scopesOf(names: readonly string[]): Scope[] {
  const asked = names.flatMap((name) => name.split(","));
  const unknown = asked.find((name) => name !== "all" && !isOneOf(SCOPES, name));
  if (unknown !== undefined) {
    throw new ArgumentsError(`There is no scope ${JSON.stringify(unknown)}: take ${SCOPES.join(", ")} or all`);
  }
  return SCOPES.filter((scope) => asked.includes("all") || asked.includes(scope));
}

function reporterOf(name: string): Reporter {
  if (isOneOf(REPORTERS, name)) return name;
  throw new ArgumentsError(`There is no reporter ${JSON.stringify(name)}: take ${REPORTERS.join(", ")}`);
}

function roundsOf(text: string): number {
  const rounds = Number(text);
  if (/^\d+$/.test(text) && rounds >= 1) return rounds;
  throw new ArgumentsError(`--rounds must be a whole number from 1, not ${JSON.stringify(text)}`);
}

function isOneOf<Name extends string>(names: readonly Name[], name: string): name is Name {
  return (names as readonly string[]).includes(name);
}

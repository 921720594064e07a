import { parseArgs, type ParseArgsConfig } from "node:util";

type Options = NonNullable<ParseArgsConfig["options"]>;
type Parsed<Asked extends Options> = ReturnType<typeof parseArgs<{ options: Asked }>>["values"];

export const SCOPES = ["latency", "inflight", "throughput", "cpu", "scale", "size", "codec", "stages", "idle"] as const;
export type Scope = (typeof SCOPES)[number];

export const REPORTERS = ["text", "json", "html"] as const;
export type Reporter = (typeof REPORTERS)[number];

export interface Arguments {
  readonly scopes: readonly Scope[];
  readonly reporter: Reporter;
  readonly rounds: number;
  /** The folder for CPU profiles of child processes; undefined takes none. */
  readonly profile: string | undefined;
  readonly help: boolean;
}

/** The command line is not valid. */
export class ArgumentsError extends Error {
  override readonly name = "ArgumentsError";
}

export const HELP = `Measure pg-baton beside the least that the same guarantees cost when written by hand.

Usage: npm run bench -- [options]

  --scope <names>     ${SCOPES.join(", ")} or all;
                      separate several by commas, or repeat the option; default: all
  --reporter <name>   ${REPORTERS.join(", ")}; default: text. stdout gets the report alone, stderr the progress.
                      html is one page with plots: npm run --silent bench -- --reporter html > bench.html
                      json is what npm run bench:docs takes
  --rounds <n>        rounds after the warm-up, in each of which every side runs once; default: 3. The bench
                      discards a round while other programs use the machine, and runs it again, up to twice
                      as many rounds in all
  --profile <folder>  write a CPU profile of each child process there; this makes figures worse
  --help

With DATABASE_URL the bench creates databases of its own on that server and drops them afterwards. Without, it
starts an embedded server.
`;

/** Reads the command line. @throws {@link ArgumentsError} */
export function readArguments(args: readonly string[]): Arguments {
  const { scope, reporter, rounds, profile, help } = parse(args, {
    scope: { type: "string", multiple: true, default: ["all"] },
    reporter: { type: "string", default: "text" },
    rounds: { type: "string", default: "3" },
    profile: { type: "string" },
    help: { type: "boolean", short: "h", default: false },
  });
  const asked = scope.flatMap((names) => names.split(","));
  const scopes = asked.includes("all") ? [...SCOPES] : [];
  const named = namesOf(
    "scope",
    SCOPES,
    asked.filter((name) => name !== "all"),
    `${SCOPES.join(", ")} or all`,
  );
  return {
    scopes: scopes.length > 0 ? scopes : named,
    reporter: nameOf("reporter", REPORTERS, reporter),
    rounds: wholeNumber("--rounds", rounds),
    profile,
    help,
  };
}

export function parse<const Asked extends Options>(args: readonly string[], options: Asked): Parsed<Asked> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false }).values;
  } catch (error) {
    throw new ArgumentsError(`${(error as Error).message.split(". ")[0]}; see --help`);
  }
}

/** Those of `known` that were asked for, in the order of `known`. */
export function namesOf<Name extends string>(
  noun: string,
  known: readonly Name[],
  asked: readonly string[],
  choice = known.join(", "),
): Name[] {
  const names = new Set(asked.map((name) => nameOf(noun, known, name, choice)));
  return known.filter((name) => names.has(name));
}

export function nameOf<Name extends string>(
  noun: string,
  known: readonly Name[],
  name: string,
  choice = known.join(", "),
): Name {
  const found = known.find((one) => one === name);
  if (found !== undefined) return found;
  throw new ArgumentsError(`There is no ${noun} ${JSON.stringify(name)}: take ${choice}`);
}

export function wholeNumber(option: string, text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1) return number;
  throw new ArgumentsError(`${option} must be a whole number from 1, not ${JSON.stringify(text)}`);
}

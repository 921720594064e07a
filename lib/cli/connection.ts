import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { UsageError } from "./usage.js";

/** The environment variable in which a supervisor passes on a connection that must not stand among the arguments. */
export const PASSED_CONNECTION = "PG_BATON_CONNECTION";

/** A command line without the connection in it, where that has a password. */
export interface HiddenConnection {
  readonly args: readonly string[];
  /** The connection that was taken out; undefined where nothing was. */
  readonly connection: string | undefined;
}

/** Takes a `--connection` with a password out of the arguments, which every user of the machine can read. */
export function hideConnection(args: readonly string[]): HiddenConnection {
  const { tokens } = parseArgs({
    args: [...args],
    options: { connection: { type: "string" } },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const kept = [...args];
  let connection: string | undefined;
  for (const token of tokens.toReversed()) {
    if (token.kind !== "option" || token.name !== "connection" || token.value === undefined) continue;
    if (maskPasswords(token.value) === token.value) continue;
    kept.splice(token.index, token.inlineValue ? 1 : 2);
    // As with any option given twice, the last one counts.
    connection ??= token.value;
  }
  return { args: kept, connection };
}

/** What the command line is to connect to: an option, a file, or what the environment says. Throws {@link UsageError}. */
export function connectionOf(option: string | undefined, file: string | undefined): string {
  const passed = process.env[PASSED_CONNECTION];
  // The workers, whose code shares this environment, have no need of it.
  delete process.env[PASSED_CONNECTION];
  const given = option ?? passed;
  if (given !== undefined && file !== undefined)
    throw new UsageError("--connection and --connection-file are both given: name one of them");
  const connection = given ?? (file === undefined ? process.env.DATABASE_URL : readConnection(file));
  if (connection !== undefined && connection !== "") return connection;
  throw new UsageError("DATABASE_URL is not set: set it, or name a file with --connection-file, or use --connection");
}

/** Masks passwords in URLs and connection strings. Rather hides too much where a password is not percent-encoded. */
export function maskPasswords(text: string): string {
  return text
    .replaceAll(/(postgres(?:ql)?:\/\/[^\s:@/?#]*):\S*@/g, "$1:***@")
    .replaceAll(/((?:ssl)?password=)[^&\s"']+/g, "$1***");
}

function readConnection(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8").trim();
  } catch (error) {
    throw new UsageError(`--connection-file ${file} cannot be read: ${(error as Error).message}`);
  }
  if (text === "") throw new UsageError(`--connection-file ${file} is empty: write a postgres:// URL into it`);
  return text;
}

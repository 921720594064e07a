import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { UsageError } from "./usage.js";

/** The environment variable that passes a connection with a password from supervisor to host. */
export const PASSED_CONNECTION = "PG_BATON_CONNECTION";

/** A command line without connections that contain a password. */
export interface HiddenConnection {
  readonly args: readonly string[];
  /** The connection that was removed, or undefined if none was. */
  readonly connection: string | undefined;
}

/**
 * Removes a `--connection` with a password from the arguments, which every user
 * of the machine can read.
 */
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
    // The loop runs backwards: if an option is given twice, the last one counts.
    connection ??= token.value;
  }
  return { args: kept, connection };
}

/**
 * Returns the connection from the option, the supervisor, the file or DATABASE_URL, in this order.
 *
 * @throws {@link UsageError} if there is none, or both an option and a file.
 */
export function connectionOf(option: string | undefined, file: string | undefined): string {
  const passed = process.env[PASSED_CONNECTION];
  // The code of workers shares this environment and does not need the password.
  delete process.env[PASSED_CONNECTION];
  const given = option ?? passed;
  if (given !== undefined && file !== undefined)
    throw new UsageError("--connection and --connection-file are both given: use one of them");
  const connection = given ?? (file === undefined ? process.env.DATABASE_URL : readConnection(file));
  if (connection !== undefined && connection !== "") return connection;
  throw new UsageError("DATABASE_URL is not set: set it, or use --connection-file or --connection");
}

/**
 * Masks passwords in URLs and connection strings. Masks too much if a password
 * is not percent-encoded.
 */
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

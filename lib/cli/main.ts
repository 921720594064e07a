#!/usr/bin/env node
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { BatonError, InvalidOptionError } from "../errors.js";
import { VERSION } from "../version.js";
import { hideConnection, maskPasswords, PASSED_CONNECTION } from "./connection.js";
import { Supervisor } from "./supervisor.js";
import { UsageError } from "./usage.js";

const HELP = `pg-baton ${VERSION}: persistent, awaitable, CPU-bound jobs on PostgreSQL and worker threads

Usage: pg-baton <command> [options]

Commands:
  host    run a host: fetch jobs from PostgreSQL and run them in threads; started again when it dies

pg-baton <command> --help says what a command takes.
`;

/** Options with which `host` runs in this very process. */
const ALONE = ["--no-supervise", "--help", "-h"];
/** Set where a supervisor has started this process. */
const SUPERVISED = "PG_BATON_SUPERVISED";

/** The command line. Exit status 0 for success, 1 for a failure, 2 for a call that makes no sense. */
async function main([command, ...rest]: string[]): Promise<number> {
  switch (command) {
    case "host":
      return host(rest);
    case "--version":
      process.stdout.write(`${VERSION}\n`);
      return 0;
    case undefined:
    case "--help":
    case "-h":
    case "help":
      process.stdout.write(HELP);
      return 0;
    default:
      throw new UsageError(`there is no command ${JSON.stringify(command)}: see pg-baton --help`);
  }
}

async function host(given: readonly string[]): Promise<number> {
  const { args, connection } = hideConnection(given);
  if (connection !== undefined) {
    process.title = ["pg-baton", "host", ...args].join(" ");
    process.env[PASSED_CONNECTION] = connection;
    say("a password in --connection can be read in the list of processes: use DATABASE_URL or --connection-file");
  }
  if (process.env[SUPERVISED] === undefined && !ALONE.some((option) => args.includes(option))) return supervise(args);
  return (await import("./host.js")).hostCommand([...args]);
}

/** Runs the command in a process of its own, and keeps it up. This one loads nothing of what that runs. */
function supervise(args: readonly string[]): Promise<number> {
  const supervisor = new Supervisor({
    start: () =>
      fork(fileURLToPath(import.meta.url), ["host", ...args], {
        env: { ...process.env, [SUPERVISED]: "1" },
        // In a process group of its own, a terminal's Ctrl-C does not reach it twice. (On Windows that would be a new window.)
        detached: process.platform !== "win32",
      }),
    say,
  });
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => supervisor.signal(name));
  return supervisor.run();
}

function say(line: string): void {
  process.stderr.write(`pg-baton: ${maskPasswords(line)}\n`);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // Errors that say what to do stand for themselves; of any other, the stack is what helps.
  const told = error instanceof UsageError || error instanceof BatonError;
  say(told ? error.message : inspect(error));
  process.exitCode = error instanceof UsageError || error instanceof InvalidOptionError ? 2 : 1;
}

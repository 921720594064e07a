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
  host    run a host: claim jobs from PostgreSQL and run them in threads; restarted if it dies

Options:
  -h, --help     show this help
  --version      show the version

pg-baton <command> --help shows the options of a command.
`;

/** With any of these options, `host` runs in this process. */
const UNSUPERVISED = ["--no-supervise", "--help", "-h"];
/** The environment variable that a supervisor sets for its child process. */
const SUPERVISED = "PG_BATON_SUPERVISED";

/**
 * Runs a command. Resolves to the exit status: 0 for success, 1 for a failure, 2 for wrong usage.
 */
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
      throw new UsageError(`unknown command ${JSON.stringify(command)}: see pg-baton --help`);
  }
}

async function host(given: readonly string[]): Promise<number> {
  const { args, connection } = hideConnection(given);
  if (connection !== undefined) {
    process.title = ["pg-baton", "host", ...args].join(" ");
    process.env[PASSED_CONNECTION] = connection;
    say("a password in --connection is visible in the process list: use DATABASE_URL or --connection-file");
  }
  if (process.env[SUPERVISED] === undefined && !UNSUPERVISED.some((option) => args.includes(option)))
    return supervise(args);
  return (await import("./host.js")).hostCommand([...args]);
}

/**
 * Runs `host` in a child process and restarts it if it dies. This process does
 * not load the host's code.
 */
function supervise(args: readonly string[]): Promise<number> {
  const supervisor = new Supervisor({
    start: () =>
      fork(fileURLToPath(import.meta.url), ["host", ...args], {
        env: { ...process.env, [SUPERVISED]: "1" },
        // A process group of its own keeps Ctrl-C from reaching the host twice. (On
        // Windows: a new window.)
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
  // Errors of these classes say what to do; any other needs its stack.
  const expected = error instanceof UsageError || error instanceof BatonError;
  say(expected ? error.message : inspect(error));
  process.exitCode = error instanceof UsageError || error instanceof InvalidOptionError ? 2 : 1;
}

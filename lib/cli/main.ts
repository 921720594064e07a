#!/usr/bin/env node
import { inspect } from "node:util";
import { BatonError, InvalidOptionError } from "../errors.js";
import { VERSION } from "../version.js";
import { hostCommand } from "./host.js";
import { UsageError } from "./usage.js";

const HELP = `pg-baton ${VERSION}: persistent, awaitable, CPU-bound jobs on PostgreSQL and worker threads

Usage: pg-baton <command> [options]

Commands:
  host    run a host: fetch jobs from PostgreSQL and run them in threads

pg-baton <command> --help says what a command takes.
`;

/** The command line. Exit status 0 for success, 1 for a failure, 2 for a call that makes no sense. */
async function main([command, ...rest]: string[]): Promise<number> {
  switch (command) {
    case "host":
      return hostCommand(rest);
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

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // Errors that say what to do stand for themselves; of any other, the stack is what helps.
  const told = error instanceof UsageError || error instanceof BatonError;
  process.stderr.write(`pg-baton: ${told ? error.message : inspect(error)}\n`);
  process.exitCode = error instanceof UsageError || error instanceof InvalidOptionError ? 2 : 1;
}

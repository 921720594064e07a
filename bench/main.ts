/** `npm run bench`: measures Baton beside the floors, and says where it stands. */
import { parseArgs } from "node:util";
import { codec } from "./codec.js";
import { cpu } from "./cpu.js";
import { latency } from "./latency.js";
import { dropSchema, openServer } from "./support/environment.js";
import type { Question } from "./support/question.js";
import { REPORTERS, type Row } from "./support/report.js";
import { throughput } from "./throughput.js";

const QUESTIONS: readonly Question[] = [codec, latency, throughput, cpu];
const SCOPES = [...QUESTIONS.map(({ scope }) => scope), "all"];
const PREFIX = "baton_bench";

const HELP = `Usage: npm run bench -- [--scope ${SCOPES.join("|")}] [--reporter ${Object.keys(REPORTERS).join("|")}] [--rounds n]

Runs on the database of DATABASE_URL, or on an embedded PostgreSQL. Default: all, text, 3 rounds.
`;

class UsageError extends Error {}

function parse() {
  const options = {
    scope: { type: "string", default: "all" },
    reporter: { type: "string", default: "text" },
    rounds: { type: "string", default: "3" },
    help: { type: "boolean", default: false },
  } as const;
  const { scope, reporter, rounds, help } = parseArgs({ options }).values;
  if (!SCOPES.includes(scope)) throw new UsageError(`there is no scope ${scope}: there are ${SCOPES.join(", ")}`);
  const format = REPORTERS[reporter];
  if (format === undefined)
    throw new UsageError(`there is no reporter ${reporter}: there are ${Object.keys(REPORTERS).join(", ")}`);
  const count = Number(rounds);
  if (!Number.isInteger(count) || count < 1) throw new UsageError(`--rounds ${rounds} is not a number from 1`);
  return {
    questions: QUESTIONS.filter((question) => scope === "all" || question.scope === scope),
    format,
    rounds: count,
    help,
  };
}

try {
  const { questions, format, rounds, help } = parse();
  if (help) process.stdout.write(HELP);
  else {
    const server = await openServer();
    const rows: Row[] = [];
    for (const question of questions) {
      process.stderr.write(`measuring ${question.scope} …\n`);
      rows.push(...(await question.ask({ url: server.url, prefix: PREFIX, rounds })));
      await dropSchema(server.url, PREFIX);
    }
    process.stdout.write(format({ environment: server.environment, rounds, rows }));
    await server.stop();
  }
} catch (error) {
  const usage = error instanceof UsageError || (error as { code?: unknown }).code === "ERR_PARSE_ARGS_UNKNOWN_OPTION";
  process.stderr.write(usage ? `bench: ${(error as Error).message}\n\n${HELP}` : `bench: ${(error as Error).stack}\n`);
  process.exitCode = 1;
}

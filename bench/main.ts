import { cpuBound } from "./cpu.js";
import { rows, small } from "./codec.js";
import { idle } from "./idle.js";
import { inFlight } from "./inflight.js";
import { sameProcess, twoProcesses } from "./latency.js";
import { fullTable, listeners } from "./scale.js";
import { sizes } from "./size.js";
import { stages } from "./stages.js";
import { noops } from "./throughput.js";
import { type Arguments, ArgumentsError, HELP, readArguments, type Reporter } from "./support/arguments.js";
import { environment, load } from "./support/environment.js";
import { type Measured, measure } from "./support/measure.js";
import type { Question } from "./support/question.js";
import { htmlReport } from "./support/html.js";
import { Pace } from "./support/pace.js";
import { jsonReport, type Report } from "./support/report.js";
import { textReport } from "./support/text.js";
import { Server, ServerError } from "./support/server.js";
import { Workbench } from "./support/workbench.js";

const QUESTIONS: readonly Question[] = [
  twoProcesses,
  sameProcess,
  inFlight,
  noops,
  ...cpuBound,
  fullTable,
  listeners,
  sizes,
  small,
  rows,
  stages,
  idle,
];

const REPORTERS: Readonly<Record<Reporter, (report: Report) => string>> = {
  text: textReport,
  json: jsonReport,
  html: htmlReport,
};

/** Measures what was asked for, one question after the other. */
async function run({ scopes, rounds, profile }: Arguments, server: Server): Promise<Report> {
  const workbench = new Workbench(server, profile);
  const pace = new Pace();
  const before = load();
  const measured: Measured[] = [];
  try {
    await pace.settle();
    for (const question of QUESTIONS.filter(({ scope }) => scopes.includes(scope))) {
      process.stderr.write(`${question.scope}: ${question.title} …\n`);
      measured.push(await measure(question, rounds, workbench, pace));
      await workbench.clear();
    }
  } finally {
    await workbench.clear();
    await server.close();
  }
  return { environment: environment(server.facts, before), rounds, measured };
}

async function main(args: readonly string[]): Promise<void> {
  const asked = readArguments(args);
  if (asked.help) {
    process.stdout.write(HELP);
    return;
  }
  const server = new Server();
  // What was created on somebody's server must not stay there; child processes end with this one.
  process.once("SIGINT", () => void server.close().finally(() => process.exit(130)));
  const report = await run(asked, server);
  process.stdout.write(REPORTERS[asked.reporter](report));
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const told = error instanceof ArgumentsError || error instanceof ServerError;
  process.stderr.write(`bench: ${told ? error.message : (error as Error).stack}\n`);
  // Whatever a failed round left open must not keep the process.
  process.exit(1);
}

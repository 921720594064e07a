import { cpuBound } from "./cpu.js";
import { rows, small } from "./codec.js";
import { idle } from "./idle.js";
import { inFlight } from "./inflight.js";
import { sameProcess, twoProcesses } from "./latency.js";
import { fullTable, listeners } from "./scale.js";
import { sizes } from "./size.js";
import { stages } from "./stages.js";
import { noops } from "./throughput.js";
import { HELP, readArguments, type Scope } from "./support/arguments.js";
import { REPORT } from "./support/reporters.js";
import { command, run } from "./support/run.js";

const QUESTIONS = [
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

await command("bench", async () => {
  const { help, scopes, reporter, rounds, profile } = readArguments(process.argv.slice(2));
  if (help) {
    process.stdout.write(HELP);
    return;
  }
  const asked = QUESTIONS.filter(({ scope }) => scopes.includes(scope as Scope));
  process.stdout.write(REPORT[reporter](await run("floors", asked, { rounds, profile })));
});

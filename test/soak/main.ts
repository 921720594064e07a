/**
 * The soak as a command. Exits with 1 if a promise was broken.
 *
 * ```sh
 * npm run soak -- --seconds 60 --seed 1 --jobs 10000
 * ```
 *
 * `--faults` names a fault that may happen, such as `"kill a host"`, and
 * is repeatable. By default all of them may.
 *
 * `--beside previous`, or a commit, runs two hosts of that release beside
 * those of this one. By default the database does not stall then, since
 * the previous release declares hosts lost that only wait for it.
 */
import { parseArgs } from "node:util";
import { ALL, type FaultKind } from "./plan.js";
import { PREVIOUS } from "./release.js";
import { soak } from "./soak.js";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1e6)) },
    jobs: { type: "string", default: "10000" },
    faults: { type: "string", multiple: true },
    beside: { type: "string" },
  },
});
const [seconds, seed, jobs] = [Number(values.seconds), Number(values.seed), Number(values.jobs)];
if (!(seconds >= 5) || !Number.isInteger(seed) || !(jobs >= 1)) {
  throw new Error("--seconds (5 or more), --seed and --jobs take whole numbers");
}
const beside = values.beside === "previous" ? PREVIOUS : values.beside;
const kinds = values.faults === undefined ? usual() : values.faults.map(kindOf);

const say = (line: string): void => void process.stdout.write(`${line}\n`);
say(`seed ${seed}: ${jobs} jobs over ${seconds} s, two hosts${beside === undefined ? "" : ` and two of ${beside}`}`);
const report = await soak({ seed, jobs, lasts: seconds * 1_000, kinds, beside, memory: true, say });
const { faults, events, unexplained, mishaps, heap, settled, ...counts } = report;
say("");
for (const [what, count] of Object.entries({ ...counts, unexplained: unexplained.length }))
  say(`${what.padEnd(16)} ${count}`);
say(`faults           ${JSON.stringify(faults)}`);
say(`caller's events  ${JSON.stringify(events)}`);
say(`last result      ${Math.round(settled)} ms after the last fault and its repair`);
say(`caller's heap    ${heap.before} MB before, ${heap.peak} at its peak, ${heap.after} after`);
for (const line of unexplained) say(`unexplained: ${line}`);
if (unexplained.length > 0) say(JSON.stringify(mishaps));
if (beside !== undefined && counts.elsewhere === 0) throw new Error(`The hosts of ${beside} have run nothing`);
const leaked = heap.after !== null && heap.after > heap.before + 10;
const broken = counts.right < jobs || counts.hung > 0 || counts.unfinishedRows > 0 || unexplained.length > 0 || leaked;
say(broken ? `BROKEN, seed ${seed}` : "every promise was kept");
process.exitCode = broken ? 1 : 0;

function usual(): readonly FaultKind[] {
  return beside === undefined ? ALL : ALL.filter((kind) => kind !== "freeze PostgreSQL" && kind !== "lock the jobs");
}

function kindOf(text: string): FaultKind {
  const kind = ALL.find((one) => one === text);
  if (kind === undefined) throw new Error(`--faults ${text} is not known. There are: ${[...new Set(ALL)].join(", ")}`);
  return kind;
}

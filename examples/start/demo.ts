import { availableParallelism, loadavg } from "node:os";
import { relative, resolve } from "node:path";
import { crunch, type CrunchReport } from "./crunch.js";
import { listFiles, type SourceFile } from "./files.js";
import { rally } from "./rally.js";
import type { Screen } from "./screen.js";
import { checkSerially, type SerialReport } from "./serial.js";
import type { Stage } from "./stage.js";
import { table } from "./table.js";
import type { Tally } from "./tally.js";
import { Tour } from "./tour.js";
import { formatBytes, formatTime } from "./units.js";

/** ms for the files, so that the demo ends within a minute on any folder and any machine. */
const BUDGET = 30_000;
const ROUNDS = 100;

/**
 * Plays the demo from its first line to its last, and sets the stage for it.
 *
 * @throws Ending
 */
export async function play(folder: string, stage: Stage, screen: Screen): Promise<void> {
  screen.heading("Baton: persistent, awaitable, CPU-bound jobs on PostgreSQL and worker threads");
  const files = await listFiles(folder);
  await stage.set();
  const { baton, signal, threadsHere, threadsThere } = stage;
  const threads = threadsHere + threadsThere;
  const bytes = formatBytes(sum(files));
  screen.fact("database", stage.database);
  screen.fact(
    "hosts",
    `this process, ${threadNumber(threadsHere)}, and process ${stage.neighbour}, ${threadNumber(threadsThere)}`,
  );
  screen.fact("work", `${files.length} files, ${bytes}, of ${shown(folder)}: each brotli at quality 11, then scrypt`);
  const [load = 0] = loadavg();
  if (load > availableParallelism() / 2) {
    screen.fact("note", `other programs keep this machine busy (load ${load.toFixed(1)}): the figures will suffer`);
  }
  screen.line();

  const start = performance.now();
  const onResult = (done: number, tally: Tally) =>
    screen.progress(done, files.length, progressText(done, files, tally, start));
  const report = await crunch({ baton, files, inFlight: threads * 2, budget: BUDGET, signal, onResult });
  screen.finish();
  const serial = await checkSerially(report.done, signal);
  const empty = await rally(baton, ROUNDS, signal);
  tell(screen, files, report, serial, threads);
  screen.line();
  for (const line of latencies(report.tally, empty)) screen.line(line);

  screen.heading("Other outcomes of an await");
  await new Tour(baton, screen, signal).run();
  screen.line();
}

function tell(
  screen: Screen,
  files: readonly SourceFile[],
  report: CrunchReport,
  serial: SerialReport,
  threads: number,
): void {
  const { done, ms } = report;
  const bytesIn = done.reduce((total, { result }) => total + result.bytes, 0);
  const bytesOut = done.reduce((total, { result }) => total + result.compressed, 0);
  const part = done.length < files.length ? ` of ${files.length}, then the time was up` : "";
  const rate = `${((done.length * 1_000) / ms).toFixed(1)} files/s, ${formatBytes((bytesIn * 1_000) / ms)}/s`;
  screen.fact("done", `${done.length} files${part} in ${formatTime(ms)}: ${rate}`);
  screen.fact(
    "size",
    `${formatBytes(bytesIn)} in, ${formatBytes(bytesOut)} out (${Math.round((100 * bytesOut) / bytesIn)} %)`,
  );
  screen.fact("checked", `${serial.checked} files done again in this thread without Baton: same bytes, same digests`);
  const speed = (serial.estimate / ms).toFixed(2);
  screen.fact(
    "speed",
    `${speed} times as fast as one after the other (${formatTime(serial.estimate)}, by those ${serial.checked}), with ${threadNumber(threads)}`,
  );
}

function latencies(files: Tally, empty: Tally): string[] {
  const row = (name: string, via: "local" | "notify", tally: Tally) => {
    const [p50, p99] = [tally.percentile(via, 0.5), tally.percentile(via, 0.99)];
    return [name, via, String(tally.count(via)), formatTime(p50), formatTime(p99)];
  };
  return table([
    ["from async() to the result", "came by", "results", "p50", "p99"],
    row("files done in this process", "local", files),
    row("files done in the other", "notify", files),
    row("an empty job, this process", "local", empty),
    row("an empty job, the other", "notify", empty),
  ]);
}

function progressText(done: number, files: readonly SourceFile[], tally: Tally, start: number): string {
  const time = formatTime(performance.now() - start);
  return `${done} of ${files.length} files in ${time}, ${tally.count("local")} here, ${tally.count("notify")} there`;
}

function threadNumber(count: number): string {
  return count === 1 ? "1 thread" : `${count} threads`;
}

/** The path as a user in the working directory would write it. */
function shown(folder: string): string {
  const path = relative("", folder);
  if (path === "") return "this folder";
  return path.startsWith("..") ? resolve(folder) : path;
}

function sum(files: readonly SourceFile[]): number {
  return files.reduce((total, file) => total + file.bytes, 0);
}

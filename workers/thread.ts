/** What runs in each thread: takes a job, or a batch of them one after the other, and hands back outcomes, already encoded. */
import { syncBuiltinESMExports } from "node:module";
import os from "node:os";
import { MessageChannel, parentPort, threadId } from "node:worker_threads";
import { packException } from "../lib/codec/codec.js";
import { Attempt } from "../lib/thread/attempt.js";
import { Board } from "../lib/thread/board.js";
import { connect, type Hello, type HostSide, LINK, type ThreadSide } from "../lib/thread/link.js";
import { Modules } from "../lib/thread/modules.js";
import { readTasks, runMessage, type TasksMessage } from "../lib/thread/message.js";
import { perform, type Run, type Task } from "../lib/thread/perform.js";
import { movable } from "../lib/thread/transfer.js";

/** Reports are cut to this many bytes, compressed. */
const REPORT_LIMIT = 8_192;

if (parentPort === null) throw new Error("workers/thread.js is the entry of Baton's threads: it runs in no other way");

const board = new Board();
const modules = new Modules(() => board.spoil());
const { port1, port2 } = new MessageChannel();
const { port1: jobs, port2: hostJobs } = new MessageChannel();
const host = connect<HostSide>(port1, { abort, ping: () => threadId } satisfies ThreadSide);
const reports = new Set<Promise<void>>();
const exitThread = process.exit.bind(process);
let current: Attempt | null = null;
/** Aborts of jobs that are not begun yet: the two come through different ports. */
let early: { readonly id: number; readonly claim: number; readonly reason: string }[] = [];

process.exit = exit;
// For `import { exit } from "node:process"`.
syncBuiltinESMExports();
process.on("uncaughtException", blame);
process.on("unhandledRejection", blame);
yieldToHost();
jobs.on("message", (message: TasksMessage) => void take(readTasks(message)));
parentPort.postMessage({ [LINK]: port2, jobs: hostJobs, memory: board.memory } satisfies Hello, [port2, hostJobs]);

/** Piscina wants a task to be there. It gets none to run. */
export function run(): void {}

async function take(tasks: readonly Task[]): Promise<void> {
  const runs: Run[] = [];
  for (const task of tasks) runs.push(await runOf(task));
  early = [];
  // What was reported must have arrived before the host may close this thread.
  if (reports.size > 0) await Promise.all(reports);
  jobs.postMessage(runs.map(runMessage), runs.flatMap(movable));
}

async function runOf(task: Task): Promise<Run> {
  const start = performance.now();
  board.begin();
  const attempt = new Attempt(task.job);
  current = attempt;
  for (const { id, claim, reason } of early) if (id === attempt.id && claim === attempt.claim) attempt.abort(reason);
  const outcome = await perform(attempt, task, modules, (error) => report(attempt, error));
  current = null;
  return { outcome, duration: performance.now() - start, threadId };
}

function abort(id: number, claim: number, reason: string): void {
  if (current?.id === id && current.claim === claim) current.abort(reason);
  else early.push({ id, claim, reason });
}

/**
 * Finds out whose doing an error is that nobody caught. The running job's own fails it; that of an earlier one, or of
 * nobody known, is reported and harms nobody. The thread lives on either way.
 */
function blame(error: unknown): void {
  const guilty = Attempt.running;
  if (guilty !== undefined && guilty === current) guilty.fail(error);
  else report(guilty, error);
}

/** Notes for the host which attempt ends the thread: what an earlier one left behind may do it under a job that is innocent. */
function exit(code?: number | string | null): never {
  board.leave(Attempt.running?.id);
  return exitThread(code);
}

function report(attempt: Attempt | undefined, error: unknown): void {
  const packed = packException(error, { resultLimit: REPORT_LIMIT });
  const sent = host
    .stray({ id: attempt?.id ?? null, worker: attempt?.worker ?? null, error: packed })
    // A host that cannot take it leaves nobody to tell; unhandled, it would come round here again.
    .catch(() => {})
    .finally(() => reports.delete(sent));
  reports.add(sent);
}

/** Lets the host's main thread go first. Only Linux has priorities for single threads; elsewhere it would be the whole process. */
function yieldToHost(): void {
  if (process.platform !== "linux") return;
  try {
    os.setPriority(os.constants.priority.PRIORITY_BELOW_NORMAL);
  } catch (error) {
    report(undefined, error);
  }
}

/**
 * The entry of each thread. Receives messages of one job or a batch, performs the jobs one
 * after the other, and posts their outcomes, already encoded.
 */
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
import { transferList } from "../lib/thread/transfer.js";

/** Most bytes of a reported error, after compression. */
const REPORT_LIMIT = 8_192;

if (parentPort === null)
  throw new Error("workers/thread.js is the entry of Baton's threads and cannot run in a main thread");

const board = new Board();
const modules = new Modules(() => board.spoil());
const { port1, port2 } = new MessageChannel();
const { port1: jobs, port2: hostJobs } = new MessageChannel();
const host = connect<HostSide>(port1, { abort, ping: () => threadId } satisfies ThreadSide);
const reports = new Set<Promise<void>>();
const exitThread = process.exit.bind(process);
/** The attempt under way. */
let current: Attempt | null = null;
/** Aborts that overtook the message with their jobs, which comes through another port. */
let early: { readonly id: number; readonly claim: number; readonly reason: string }[] = [];

process.exit = exit;
// Replaces it also for preloaded modules that used `import { exit } from "node:process"`.
syncBuiltinESMExports();
process.on("uncaughtException", attribute);
process.on("unhandledRejection", attribute);
yieldToHost();
jobs.on("message", (message: TasksMessage) => void performAll(readTasks(message)));
parentPort.postMessage({ [LINK]: port2, jobs: hostJobs, memory: board.memory } satisfies Hello, [port2, hostJobs]);

/** Piscina requires a function to run. Baton never calls it. */
export function noop(): void {}

async function performAll(tasks: readonly Task[]): Promise<void> {
  const runs: Run[] = [];
  for (const task of tasks) runs.push(await runOf(task));
  early = [];
  // The host may end this thread after the runs, so its reports must have arrived before.
  if (reports.size > 0) await Promise.all(reports);
  jobs.postMessage(runs.map(runMessage), runs.flatMap(transferList));
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
 * Attributes an uncaught error to the attempt that caused it. It fails the attempt under way. If it
 * belongs to an earlier attempt, or to none, it is only reported. The thread goes on either way.
 */
function attribute(error: unknown): void {
  const origin = Attempt.origin;
  if (origin !== undefined && origin === current) origin.fail(error);
  else report(origin, error);
}

/** Records which attempt ends the thread. It may be an earlier one than the one under way. */
function exit(code?: number | string | null): never {
  board.recordExit(Attempt.origin?.id);
  return exitThread(code);
}

function report(attempt: Attempt | undefined, error: unknown): void {
  const packed = packException(error, { resultLimit: REPORT_LIMIT });
  const sent = host
    .stray({ id: attempt?.id ?? null, worker: attempt?.worker ?? null, error: packed })
    // Rejects if the host is gone. Unhandled, the rejection would be attributed and reported again.
    .catch(() => {})
    .finally(() => reports.delete(sent));
  reports.add(sent);
}

/**
 * Gives the host's main thread precedence over this one. Only Linux has priorities for single
 * threads; elsewhere this would change the whole process.
 */
function yieldToHost(): void {
  if (process.platform !== "linux") return;
  try {
    os.setPriority(os.constants.priority.PRIORITY_BELOW_NORMAL);
  } catch (error) {
    report(undefined, error);
  }
}

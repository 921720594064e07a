import { Deadline } from "../deadline.js";
import type { Telemetry } from "../telemetry.js";
import type { Acks } from "./acks.js";
import type { Coverage } from "./coverage.js";
import type { Executor } from "./executor.js";
import type { Lifeline } from "./lifeline.js";
import type { Membership } from "./membership.js";
import type { Producers } from "./producers.js";
import type { Pruner } from "./pruner.js";
import type { Threads } from "./threads/threads.js";

/** The parts of a runner that a shutdown ends. */
export interface ShutdownOptions {
  /** ms that running jobs get to end by themselves. */
  readonly gracePeriod: number;
  readonly producers: Producers;
  readonly executor: Executor;
  readonly threads: Threads;
  readonly acks: Acks;
  readonly membership: Membership;
  readonly lifeline: Lifeline;
  readonly pruner: Pruner;
  readonly coverage: Coverage;
  readonly telemetry: Telemetry;
}

/** ms that jobs get to heed their signal, after the grace period. Then their threads are killed. */
const HEED_SIGNAL = 250;
/** ms that killed threads get to exit. Native code may take longer; its job is released anyway. */
const EXIT = 400;
/** ms that such threads get once more, before the host leaves them behind. */
const LAST_EXIT = 250;
/** ms that the last writes get at least. If they take longer, other hosts rescue the jobs. */
const LAST_WRITES = 500;

/**
 * Shuts a runner down: claims no more, lets jobs end within the grace period, interrupts and
 * releases the rest, writes every outcome, and unregisters the host. Resolves within the
 * grace period and about a second, whatever the threads do, and up to `patience` ms later if
 * the database does not answer.
 */
export async function shutDown(options: ShutdownOptions, patience: number): Promise<void> {
  const { acks, coverage, executor, membership, producers, pruner, threads } = options;
  membership.resign();
  // Not awaited yet: a claim under way may wait for the database, but running jobs need not.
  const quiet = Promise.all([producers.stop(), pruner.stop(), coverage.stop()]);
  await endJobs(options);
  executor.stopCounting();
  const deadline = new Deadline(Math.max(patience, LAST_WRITES));
  await deadline.within(quiet);
  await acks.close(deadline.left);
  producers.leave();
  await unregister(options, deadline);
  await endThreads(threads);
}

/** Ends the threads; leaves behind those that native code keeps from exiting. */
export async function endThreads(threads: Threads): Promise<void> {
  if (!(await new Deadline(LAST_EXIT).within(threads.stop()))) threads.unref();
}

/** Lets jobs end, aborts their signals, kills their threads, then disowns those that remain. */
async function endJobs({ executor, gracePeriod }: ShutdownOptions): Promise<void> {
  if (await idleWithin(executor, gracePeriod)) return;
  executor.abort("The host stops");
  if (await idleWithin(executor, HEED_SIGNAL)) return;
  void executor.kill({ type: "interrupted" });
  if (!(await idleWithin(executor, EXIT))) executor.disown();
}

function idleWithin(executor: Executor, ms: number): Promise<boolean> {
  return new Deadline(ms).within(executor.idle());
}

/** Unregisters the host. If this fails or takes too long, other hosts detect that it is gone. */
async function unregister({ lifeline, membership, telemetry }: ShutdownOptions, deadline: Deadline): Promise<void> {
  try {
    if (await deadline.within(lifeline.stop())) await deadline.within(membership.leave());
  } catch (error) {
    telemetry.emit("service:error", { service: "membership", error });
  }
  await membership.stop();
}

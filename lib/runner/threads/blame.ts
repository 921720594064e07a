import type { ExitCaller } from "../../thread/board.js";

/** What is known about a thread that has ended under its jobs. */
export interface Evidence {
  /** The ids of the jobs in its message, in their order. */
  readonly ids: readonly number[];
  /** How many of them have begun: the first ones. */
  readonly begun: number;
  readonly exitCaller: ExitCaller;
  /** Whether no job ran in the thread before this message: none can have left anything. */
  readonly fresh: boolean;
}

/**
 * What happens to a job whose thread has ended under it:
 *
 * - `guilty`: the job fails.
 * - `released`: the job goes back to the queue.
 * - `rerun`: the job runs again, alone in a fresh thread. If that thread ends
 *   too, the job is guilty.
 */
export type Fate = "guilty" | "released" | "rerun";

/**
 * Decides the fate of each job, in the order of `ids`.
 *
 * A job is guilty if it called `process.exit`, or if nothing else has run in its thread.
 * Otherwise an earlier job may have left behind what ended the thread, and each job that
 * had begun runs again. So each end of a thread costs the guilty job its attempt, or is
 * followed by a run alone: no job runs again forever.
 */
export function fatesOf({ ids, begun, exitCaller, fresh }: Evidence): Fate[] {
  const started = ids.slice(0, begun);
  const guilty = started.find((id) => id === exitCaller) ?? (fresh && begun === 1 ? ids[0] : undefined);
  return ids.map((id, at) => {
    if (id === guilty) return "guilty";
    return at < begun && guilty === undefined ? "rerun" : "released";
  });
}

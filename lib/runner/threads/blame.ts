import type { Leaver } from "../../thread/board.js";

/** What is known of a thread that has ended under its jobs. */
export interface Ending {
  /** The ids of the jobs of its message, in their order. */
  readonly ids: readonly number[];
  /** How many of them had begun. */
  readonly begun: number;
  readonly leaver: Leaver;
  /** Whether it had run no job before this message, so that nothing of an earlier one was left in it. */
  readonly fresh: boolean;
}

/**
 * What becomes of a job whose thread has ended under it: it is to blame and fails; it is given back; or it runs again,
 * alone in a fresh thread, where the blame is certain if that ends as well.
 */
export type Fate = "guilty" | "released" | "again";

/**
 * Tells each job's fate. A job is to blame if it called `process.exit`, or if nothing else has run in its thread. Else an
 * earlier job may have left behind what ended the thread, and each job that had begun runs again. So every end of a thread
 * under a job costs the guilty one its attempt, or is followed by a run that has the thread to itself: none goes on for ever.
 */
export function fatesOf({ ids, begun, leaver, fresh }: Ending): Fate[] {
  const started = ids.slice(0, begun);
  const guilty = started.find((id) => id === leaver) ?? (fresh && begun === 1 ? ids[0] : undefined);
  return ids.map((id, at) => {
    if (id === guilty) return "guilty";
    return at < begun && guilty === undefined ? "again" : "released";
  });
}

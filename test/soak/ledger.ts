import { readFileSync } from "node:fs";

/** One run of a job, as it wrote it down itself. */
export interface Entry {
  readonly job: number;
  readonly attempt: number;
  readonly pid: number;
  /** Its process' parent: the host, where the job ran in a process of its own. */
  readonly ppid: number;
  readonly startedAt: number;
  /** When it came to its end, or failed as it should; null where it did neither. */
  endedAt: number | null;
  failed: boolean;
}

/** What befell hosts and the database: ms since the epoch. */
export interface Mishaps {
  /** When each process was killed. */
  readonly killed: ReadonlyMap<number, number>;
  /** When each process that was told to end had ended. */
  readonly stopped: ReadonlyMap<number, number>;
  /** Which processes were stopped, and when they went on. */
  readonly frozen: readonly { readonly pid: number; readonly from: number; readonly until: number }[];
  /** When the database crashed, and when it was back. */
  readonly crashed: readonly { readonly from: number; readonly until: number }[];
  /** When the database was there and did nothing. */
  readonly stalled: readonly { readonly from: number; readonly until: number }[];
  /** When connections were cut. */
  readonly cut: readonly number[];
}

/** What was done has reached the row by then, when nothing is wrong, in ms. */
const WRITTEN = 3_000;
/**
 * Claims do not wait for the disk: a server that crashes loses those of its last moments, in ms; and what was only held begins
 * when it has been away, and until its host has been told.
 */
const UNFLUSHED = 1_500;
/** A host whose connections are cut has not come back before, in ms; so a freeze near a cut leaves it cut off. */
const RETURN = 2_000;

/** Reads the runs in the order in which they began. */
export function readLedger(path: string): Entry[] {
  const entries: Entry[] = [];
  const open = new Map<string, Entry>();
  for (const line of readFileSync(path, "utf8").split("\n")) {
    if (line === "") continue;
    const [word, ...numbers] = line.split(" ");
    const [job = 0, attempt = 0, pid = 0, ppid = 0, at = 0] = numbers.map(Number);
    const key = `${job} ${attempt} ${pid}`;
    if (word === "start") {
      const entry: Entry = { job, attempt, pid, ppid, startedAt: at, endedAt: null, failed: false };
      entries.push(entry);
      open.set(key, entry);
    } else {
      const entry = open.get(key);
      if (entry !== undefined) Object.assign(entry, { endedAt: at, failed: word === "fail" });
    }
  }
  return entries;
}

/** The runs that came after another of the same job, which neither failed nor was cut short by a mishap: there must be none. */
export function unexplained(entries: readonly Entry[], mishaps: Mishaps): { again: Entry; before: Entry }[] {
  const last = new Map<number, Entry>();
  const found: { again: Entry; before: Entry }[] = [];
  for (const again of entries) {
    const before = last.get(again.job);
    if (before !== undefined && !explains(before, mishaps)) found.push({ again, before });
    last.set(again.job, again);
  }
  return found;
}

/** How many runs came after another of the same job that had not failed. */
export function doubles(entries: readonly Entry[]): number {
  const last = new Map<number, Entry>();
  let count = 0;
  for (const entry of entries) {
    if (last.get(entry.job)?.failed === false) count += 1;
    last.set(entry.job, entry);
  }
  return count;
}

/** When a run's outcome is in its row at the latest. */
function writtenAt({ endedAt }: Entry, { stalled, crashed }: Mishaps): number {
  let at = (endedAt ?? Number.POSITIVE_INFINITY) + WRITTEN;
  // What the database does not take before it stalls, it takes afterwards.
  for (const { from, until } of [...stalled, ...crashed].sort((a, b) => a.from - b.from))
    if (at > from && (endedAt ?? 0) < until) at = Math.max(at, until + WRITTEN);
  return at;
}

/** Whether the database stalled or was away when an outcome was to be written. */
function delayed(endedAt: number, { stalled, crashed }: Mishaps): boolean {
  return [...stalled, ...crashed].some(({ from, until }) => endedAt + WRITTEN > from && endedAt < until);
}

function explains(before: Entry, mishaps: Mishaps): boolean {
  const { killed, stopped, frozen, crashed, cut } = mishaps;
  if (before.failed) return true;
  const kill = killed.get(before.pid) ?? killed.get(before.ppid);
  if (kill !== undefined && writtenAt(before, mishaps) > kill) return true;
  // Its grace period is longer than any job: only outcomes that the database did not take are left behind.
  const stop = stopped.get(before.pid) ?? stopped.get(before.ppid);
  if (
    stop !== undefined &&
    before.endedAt !== null &&
    delayed(before.endedAt, mishaps) &&
    writtenAt(before, mishaps) > stop
  )
    return true;
  const during = ({ from, until }: { from: number; until: number }, at: number): boolean =>
    at > from - UNFLUSHED && at < until + UNFLUSHED;
  if (crashed.some((crash) => during(crash, before.startedAt))) return true;
  const cuts = [...cut, ...crashed.map(({ from }) => from)];
  // A host that is frozen while its connections are gone is taken for dead, and learns of it when it goes on.
  return frozen.some(
    (freeze) =>
      (freeze.pid === before.pid || freeze.pid === before.ppid) &&
      cuts.some((at) => at > freeze.from - RETURN && at < freeze.until) &&
      before.startedAt < freeze.until + RETURN &&
      (before.endedAt ?? Number.POSITIVE_INFINITY) > freeze.from - WRITTEN,
  );
}

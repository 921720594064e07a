import { readFileSync } from "node:fs";

/** One run of a job, as the job logged it. */
export interface Entry {
  readonly job: number;
  readonly attempt: number;
  readonly pid: number;
  /** The parent of its process: the host, if the job ran in a process of its own. */
  readonly ppid: number;
  readonly startedAt: number;
  /** When it ended, or failed as it should; null if it did neither. */
  endedAt: number | null;
  failed: boolean;
}

/** The faults of hosts and the database, in ms since the epoch. */
export interface Mishaps {
  /** When each process was killed. */
  readonly killed: ReadonlyMap<number, number>;
  /** When each process that was stopped gracefully had ended. */
  readonly stopped: ReadonlyMap<number, number>;
  /** The processes that were frozen, from and to. */
  readonly frozen: readonly { readonly pid: number; readonly from: number; readonly until: number }[];
  /** Crashes of the database, from and to. */
  readonly crashed: readonly { readonly from: number; readonly until: number }[];
  /** Stalls of the database. */
  readonly stalled: readonly { readonly from: number; readonly until: number }[];
  /** When connections were cut. */
  readonly cut: readonly number[];
}

/** ms in which an outcome reaches its row when nothing is wrong. */
const WRITTEN = 3_000;
/**
 * ms of claims that a crash can lose, since claims are not flushed to disk;
 * held jobs may also begin during an outage, until the host learns of the loss.
 */
const UNFLUSHED = 1_500;
/** ms that a host needs to reconnect after a cut. A freeze within that time leaves it cut off. */
const RETURN = 2_000;

/** Reads the runs, in the order of their starts. */
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

/**
 * Repeated runs of a job whose earlier run neither failed nor was cut
 * short by a fault. There must be none.
 */
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

/** The number of runs after an earlier one of the same job that had not failed. */
export function doubles(entries: readonly Entry[]): number {
  const last = new Map<number, Entry>();
  let count = 0;
  for (const entry of entries) {
    if (last.get(entry.job)?.failed === false) count += 1;
    last.set(entry.job, entry);
  }
  return count;
}

/** The latest time at which the outcome of a run reaches its row. */
function writtenAt({ endedAt }: Entry, { stalled, crashed }: Mishaps): number {
  let at = (endedAt ?? Number.POSITIVE_INFINITY) + WRITTEN;
  // Outcomes that the database has not written before a stall, it writes afterwards.
  for (const { from, until } of [...stalled, ...crashed].sort((a, b) => a.from - b.from))
    if (at > from && (endedAt ?? 0) < until) at = Math.max(at, until + WRITTEN);
  return at;
}

/** Whether the database was stalled or away when an outcome had to be written. */
function delayed(endedAt: number, { stalled, crashed }: Mishaps): boolean {
  return [...stalled, ...crashed].some(({ from, until }) => endedAt + WRITTEN > from && endedAt < until);
}

function explains(before: Entry, mishaps: Mishaps): boolean {
  const { killed, stopped, frozen, crashed, cut } = mishaps;
  if (before.failed) return true;
  const kill = killed.get(before.pid) ?? killed.get(before.ppid);
  if (kill !== undefined && writtenAt(before, mishaps) > kill) return true;
  // The grace period is longer than any job, so only outcomes that the
  // database did not write are lost.
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
  // A host that is frozen without connections is declared lost, and learns of it when it resumes.
  return frozen.some(
    (freeze) =>
      (freeze.pid === before.pid || freeze.pid === before.ppid) &&
      cuts.some((at) => at > freeze.from - RETURN && at < freeze.until) &&
      before.startedAt < freeze.until + RETURN &&
      (before.endedAt ?? Number.POSITIVE_INFINITY) > freeze.from - WRITTEN,
  );
}

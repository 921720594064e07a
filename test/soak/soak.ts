import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { startEmbedded } from "../../lib/embedded.js";
import type { Baton, Relay, TelemetryEvent } from "../../lib/index.js";
import { Hosts } from "../support/hosts.js";
import { until } from "../support/until.js";
import { ledgered } from "../workers/ledgered.js";
import { Chaos, HOSTS } from "./chaos.js";
import { doubles, readLedger, unexplained } from "./ledger.js";
import { type FaultKind, generator, planFaults } from "./plan.js";
import { buildRelease } from "./release.js";

export interface SoakOptions {
  readonly seed: number;
  readonly jobs: number;
  /** ms over which jobs become due and faults happen. */
  readonly lasts: number;
  /** The faults to choose from. */
  readonly kinds: readonly FaultKind[];
  /** The commit of another release, whose hosts run beside those of this one. */
  readonly beside?: string | undefined;
  /** Whether to wait until all slots are evicted, and then measure memory. */
  readonly memory: boolean;
  readonly say: (line: string) => void;
}

/** The counts of a soak. */
export interface SoakReport {
  readonly jobs: number;
  readonly right: number;
  readonly wrong: number;
  /** Awaits that had not ended long after the last fault. */
  readonly hung: number;
  readonly unfinishedRows: number;
  /**
   * Runs after an earlier one of the same job that had not failed, and how
   * many of these no fault explains.
   */
  readonly doubles: number;
  readonly unexplained: readonly string[];
  /** Runs on hosts of another release. */
  readonly elsewhere: number;
  /** The faults with their times, to compare unexplained runs with. */
  readonly mishaps: object;
  readonly faults: Readonly<Record<string, number>>;
  /** ms from the last fault to the last result. */
  readonly settled: number;
  /** MB of the caller's heap before, at its peak, and after; null if the end was not awaited. */
  readonly heap: { readonly before: number; readonly peak: number; readonly after: number | null };
  readonly events: Partial<Record<TelemetryEvent, number>>;
}

/** ms after the last fault until missing results count as hung. */
const PATIENCE = 60_000;
const CHUNK = 500;

/**
 * Runs a soak: one caller with all its awaits open, two hosts, optionally
 * two more of another release, and faults. Counts the results.
 */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { seed, jobs, lasts, kinds, beside, memory, say } = options;
  const release = beside === undefined ? undefined : await buildRelease(beside);
  const folder = mkdtempSync(join(tmpdir(), "baton-soak-"));
  const ledger = join(folder, "ledger");
  writeFileSync(ledger, "", { mode: 0o666 });
  const server = await startEmbedded();
  const hosts = new Hosts(server.url);
  try {
    const chaos = new Chaos(hosts, server, say);
    await chaos.start(release?.script);
    const caller = await hosts.start({ name: "caller" });
    const before = heap();
    let done = 0;
    let right = 0;
    // Keeps no result, so that the remaining memory is the caller's.
    const check = async (relay: Relay<{ number: number }>, number: number): Promise<void> => {
      const result = await caller.await(relay, { timeout: Number.POSITIVE_INFINITY, withRetries: true });
      done += 1;
      if (result.ok && result.value.number === number) right += 1;
      else say(`job ${number}: ${JSON.stringify(result)} ${result.ok ? "" : String(result.error)}`);
    };
    const all = Promise.allSettled((await insert(caller, ledger, options)).map(check));
    say(`${jobs} awaits are open`);
    let peak = before;
    const sampling = setInterval(() => (peak = Math.max(peak, process.memoryUsage().heapUsed)), 200);
    await chaos.run(planFaults({ seed, lasts, kinds, hosts: release === undefined ? HOSTS : 2 * HOSTS }));
    const calm = performance.now();
    await Promise.race([all, sleep(PATIENCE + Math.max(0, lasts), undefined, { ref: false })]);
    const settled = performance.now() - calm;
    clearInterval(sampling);
    const hung = jobs - done;
    const unfinishedRows = await unfinished(server.url);
    if (memory) await until(() => caller.status().relays.held === 0, "the slots to be given up", 120_000);
    const after = memory ? heap() : null;
    const entries = readLedger(ledger);
    return {
      jobs,
      right,
      wrong: done - right,
      hung,
      unfinishedRows,
      doubles: doubles(entries),
      unexplained: unexplained(entries, chaos).map(({ again, before }) => JSON.stringify({ before, again })),
      elsewhere: entries.filter(({ pid, ppid }) => chaos.others.has(pid) || chaos.others.has(ppid)).length,
      mishaps: record(chaos),
      faults: Object.fromEntries(chaos.counts),
      settled,
      heap: { before: megabytes(before), peak: megabytes(peak), after: after === null ? null : megabytes(after) },
      events: caller.status().events,
    };
  } finally {
    await hosts.stop();
    await server.remove();
    release?.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

function record({ killed, stopped, frozen, crashed, stalled, cut }: Chaos): object {
  return { killed: [...killed], stopped: [...stopped], frozen, crashed, stalled, cut };
}

/**
 * Jobs spread over the time: most take a few ms, some wait, some fail
 * once, some have large results.
 */
async function insert(caller: Baton, ledger: string, { seed, jobs, lasts, kinds }: SoakOptions) {
  const random = generator(seed + 1);
  const long = kinds.some((kind) => kind === "freeze PostgreSQL" || kind === "lock the jobs");
  const drafts = Array.from({ length: jobs }, (_, number) => {
    const kind = random();
    const args = {
      number,
      ledger,
      burn: Math.round(random() * 4),
      // With stalls of the database, some jobs always run.
      wait: long && kind < 0.0005 ? 10_000 : kind < 0.01 ? 300 : 0,
      bytes: kind > 0.9 ? 6_000 : 20,
      fails: kind > 0.02 && kind < 0.07,
    };
    return ledgered.new(args, { scheduleIn: Math.round(random() * (lasts - 1_000)) });
  });
  const relays = [];
  for (let at = 0; at < jobs; at += CHUNK) relays.push(...(await caller.asyncMany(drafts.slice(at, at + CHUNK))));
  return relays;
}

async function unfinished(url: string): Promise<number> {
  const sql = new pg.Client(url);
  await sql.connect();
  const { rows } = await sql.query<{ rows: number }>(
    "select count(*)::int as rows from baton.jobs where state <> 4 or finished_at is null",
  );
  await sql.end();
  return rows[0]?.rows ?? -1;
}

/** Bytes in use after garbage collection (with --expose-gc). */
function heap(): number {
  for (let round = 0; round < 3; round += 1) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 104_857.6) / 10;
}

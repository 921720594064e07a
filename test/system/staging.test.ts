import { expect } from "chai";
import type { NewJob, Relay } from "../../lib/index.js";
import { print } from "../support/print.js";
import type { NodeProcess } from "../support/process.js";
import { useSystem } from "../support/system.js";
import { until } from "../support/until.js";
import { clock } from "../workers/clocks.js";

const QUEUES = { default: 2 };
const JOBS = 50;
/** ms until the first job is due, and between jobs. */
const FIRST = 1_500;
const STEP = 200;

const KINDS = ["scheduled", "retryable", "snoozed"] as const;
type Kind = (typeof KINDS)[number];

interface Host {
  readonly process: NodeProcess;
  readonly host: string;
  readonly name: string;
}

interface Run {
  readonly id: number;
  readonly state: number;
  readonly claim: number;
  readonly attempt: number;
  readonly crashes: number;
  readonly host: string;
  /** ms between its due time and its start. */
  readonly late: number;
}

describe("jobs that become due while hosts die:", function () {
  this.timeout(60_000);
  const { hosts, sql } = useSystem("suite, with resets");

  async function start(name: string): Promise<Host> {
    return { ...(await hosts.spawn({ name, queues: QUEUES })), name };
  }

  async function count(where: string, values: unknown[] = []): Promise<number> {
    return (await sql.query(where, values)).rowCount ?? 0;
  }

  /**
   * Kills a host while it runs nothing, since a job that dies with its host rightly runs twice.
   * Freezes the host for the check, and thaws it if it holds a job or has a statement under way.
   */
  async function kill({ process, host, name }: Host): Promise<void> {
    const busy = async (): Promise<boolean> =>
      (await count("select from pg_stat_activity where application_name = $1 and state <> 'idle'", [
        `pg-baton ${name}`,
      ])) > 0 || (await count("select from baton.jobs where state = 2 and attempted_by = $1", [host])) > 0;
    await until(async () => {
      process.kill("SIGSTOP");
      if (!(await busy()) && !(await busy())) return true;
      process.kill("SIGCONT");
      return false;
    }, "a moment without a job");
    process.kill("SIGKILL");
    await process.exited;
  }

  async function completed(jobs: number): Promise<void> {
    const enough = async (): Promise<boolean> => (await count("select from baton.jobs where state = 4")) >= jobs;
    await until(enough, `${jobs} jobs to end`, 30_000);
  }

  async function runs(): Promise<Run[]> {
    const { rows } = await sql.query<Run>(
      `select id::int, state, claim, attempt, crashes, attempted_by as host,
         (extract(epoch from attempted_at - scheduled_at) * 1000)::float8 as late from baton.jobs order by id`,
    );
    return rows;
  }

  /**
   * A job of this kind that is due in about so many ms; for kinds but
   * `scheduled`, after its first run.
   */
  function due(kind: Kind, ms: number): NewJob {
    if (kind === "scheduled") return clock.new({}, { scheduleIn: ms });
    return clock.new({ first: kind === "retryable" ? "fail" : "snooze", delay: ms / 1_000 });
  }

  function kindOf(index: number): Kind {
    return KINDS[index % KINDS.length] as Kind;
  }

  function expectOnce(relays: readonly Relay[], rows: readonly Run[]): void {
    expect(rows.map(({ id }) => id)).to.deep.equal(relays.map(({ job }) => job.id));
    for (const [index, { late, host: _host, ...row }] of rows.entries()) {
      const kind = kindOf(index);
      // Each run is a claim. Jobs that fail or snooze have one more, for their first run.
      const [claim, attempt] = [kind === "scheduled" ? 1 : 2, kind === "retryable" ? 2 : 1];
      expect(row, `${kind} job ${row.id}`).to.deep.equal({ id: row.id, state: 4, claim, attempt, crashes: 0 });
      expect(late, `ms from the time of ${kind} job ${row.id} to its start`).to.be.at.least(0);
    }
  }

  function printLateness(rows: readonly Run[], among: string): void {
    const late = rows.map((row) => row.late).sort((a, b) => a - b);
    const median = late[Math.floor(late.length / 2)] ?? Number.NaN;
    print(
      `${late.length} jobs ${among}: late by ${Math.round(median)} ms (median), ${Math.round(late.at(-1) ?? 0)} ms (most)`,
    );
  }

  it("as long as a host lives, each runs once, and not before it is due", async () => {
    const caller = await hosts.start();
    const [one, two] = await Promise.all([start("one"), start("two")]);
    const relays = await caller.asyncMany(
      Array.from({ length: JOBS }, (_, index) => due(kindOf(index), FIRST + index * STEP)),
    );
    const results = caller.awaitMany(relays, { timeout: 45_000, withRetries: true });

    await completed(JOBS / 5);
    await kill(one);
    await completed((JOBS * 3) / 5);
    const three = await start("three");
    await kill(two);

    for (const result of await results) expect(result).to.include({ ok: true });
    const rows = await runs();
    expectOnce(relays, rows);
    expect(new Set(rows.map(({ host }) => host))).to.include(three.host);
    for (const kind of KINDS)
      printLateness(
        rows.filter((_, index) => kindOf(index) === kind),
        kind,
      );
    printLateness(rows, "in all");
  });

  it("if no host lives, the next one to start runs the due jobs", async () => {
    const caller = await hosts.start();
    const host = await start("one");
    const relays = await caller.asyncMany(KINDS.map((kind) => due(kind, FIRST)));
    const waiting = "select from baton.jobs where state in (0, 3) and scheduled_at > inserted_at";
    await until(async () => (await count(waiting)) === relays.length, "the first runs");
    await kill(host);
    const overdue = "select from baton.jobs where state in (0, 1, 3) and scheduled_at <= now()";
    await until(async () => (await count(overdue)) === relays.length, "their time");
    await start("two");
    for (const result of await caller.awaitMany(relays, { timeout: 30_000, withRetries: true })) {
      expect(result).to.include({ ok: true });
    }
    expectOnce(relays, await runs());
  });
});

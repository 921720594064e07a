import { DatabaseError } from "./errors.js";
import { Batcher } from "./batch/batcher.js";
import type { Engine } from "./engine/engine.js";
import type { Inserted, InsertRow } from "./engine/insert.js";
import type { CheckedJob } from "./job/checked-job.js";
import { databaseError, isPassing } from "./postgres/failure.js";
import { makeRelay, newRef, type Relay } from "./relay/relay.js";
import type { Relays } from "./relay/relays.js";
import type { Runner } from "./runner/runner.js";
import type { Seat } from "./runner/seat.js";
import type { Telemetry } from "./telemetry.js";

/** Most calls that share a statement. */
const BATCH = 500;
const BATCH_BYTES = 4 * 1_024 * 1_024;
/** How long in ms an insert is retried during an outage before it fails. */
const PATIENCE = 15_000;

export interface InserterOptions {
  /** The id of this host. */
  readonly host: string;
  readonly engine: Pick<Engine, "insert">;
  readonly relays: Pick<Relays, "open" | "close">;
  /** The runner of this host; undefined until it is loaded, or if the host has no queues. */
  readonly runner: () => Pick<Runner, "seat" | "wake"> | undefined;
  readonly telemetry: Telemetry;
}

/** A row to insert, with its seat. */
interface SeatedRow extends InsertRow {
  /** The thread promised to the job, which is then inserted as claimed. Null if none is. */
  readonly seat: Seat | null;
}

/**
 * Inserts jobs. Concurrent calls share a statement. If a thread of this process is free, the job is
 * inserted as claimed and starts at once, which saves the round trip of a claim.
 */
export class Inserter {
  readonly #options: InserterOptions;
  /** One item per call, so that all rows of a call are in one statement. */
  readonly #batches: Batcher<readonly InsertRow[], Inserted[]>;

  constructor(options: InserterOptions) {
    this.#options = options;
    this.#batches = new Batcher({
      name: "insert",
      flush: (groups: (readonly InsertRow[])[]) => this.#flush(groups),
      limit: BATCH,
      weigh: (rows) => rows.reduce((bytes, { args }) => bytes + args.length, 0),
      maxWeight: BATCH_BYTES,
      patience: PATIENCE,
      isPassing,
      telemetry: options.telemetry,
    });
  }

  /** Inserts jobs that are not awaited, all or none. */
  insert(jobs: readonly CheckedJob[]): Promise<Relay[]> {
    return this.#insert(jobs.map((job) => this.#row(job, null)));
  }

  /** Inserts awaited jobs, all or none. Opens their slots first: an answer may come at once. */
  insertAwaited(jobs: readonly CheckedJob[]): Promise<Relay[]> {
    const { host, relays } = this.#options;
    const rows = jobs.map((job) => this.#row(job, host));
    for (const { ref } of rows) relays.open(ref);
    return this.#insert(rows);
  }

  /** Cuts the pause before a retry short: the database may be back. */
  retryNow(): void {
    this.#batches.retryNow();
  }

  /** Inserts the waiting jobs for at most `ms`, then rejects the rest. */
  close(ms: number): Promise<void> {
    return this.#batches.close(ms);
  }

  #row(job: CheckedJob, replyTo: string | null): SeatedRow {
    const { runner } = this.#options;
    const due = job.scheduledAt === null && (job.scheduleIn ?? 0) === 0;
    const seat = due ? (runner()?.seat(job) ?? null) : null;
    return { ...job, ref: newRef(), replyTo, claimed: seat !== null, seat };
  }

  async #insert(rows: readonly SeatedRow[]): Promise<Relay[]> {
    if (rows.length === 0) return [];
    const { host, relays } = this.#options;
    let inserted: Inserted[];
    try {
      inserted = await this.#batches.push(rows);
    } catch (error) {
      for (const { ref, seat } of rows) {
        relays.close(ref);
        seat?.release();
      }
      throw databaseError("The job was not inserted", error);
    }
    return rows.map((row, at) => {
      const { id, claimed } = inserted[at] as Inserted;
      this.#start(row, claimed);
      return makeRelay({ id, worker: row.worker, queue: row.queue }, host, row.ref);
    });
  }

  /** Starts a job that was inserted as claimed. Wakes the runner for any other that is due. */
  #start({ queue, scheduledAt, scheduleIn, seat }: SeatedRow, claimed: Inserted["claimed"]): void {
    if (seat === null) {
      if (scheduledAt === null && scheduleIn === null) this.#options.runner()?.wake(queue);
    } else if (claimed === null) seat.release();
    else seat.run(claimed);
  }

  async #flush(groups: (readonly InsertRow[])[]): Promise<Inserted[][]> {
    const rows = groups.flat();
    const inserted = await this.#options.engine.insert(rows);
    // A row without a result would keep its seat for ever.
    if (inserted.length !== rows.length) {
      const message = `The database returned ${inserted.length} results for ${rows.length} rows`;
      throw new DatabaseError("ERR_BATON_DATABASE_REFUSED", message);
    }
    const results = inserted.values();
    return groups.map((group) => group.map(() => results.next().value as Inserted));
  }
}

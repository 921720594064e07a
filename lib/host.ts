import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { unpack } from "./codec/codec.js";
import { entry } from "./entry.js";
import { StoppedError } from "./errors.js";
import { Deadline } from "./deadline.js";
import type { Runner } from "./runner/runner.js";
import type { CheckedJob } from "./job/checked-job.js";
import type { CheckedOptions } from "./options.js";
import { Batcher } from "./batch/batcher.js";
import { Database } from "./postgres/database.js";
import { Engine, type Inserted } from "./engine/engine.js";
import { databaseError } from "./postgres/failure.js";
import { buildIndexes } from "./engine/indexes.js";
import { migrate } from "./engine/migrations.js";
import { PostgresNotifier } from "./postgres/notifier.js";
import { checkRights } from "./engine/rights.js";
import type { InsertRow } from "./engine/rows.js";
import { relayChannel } from "./engine/fragments.js";
import { makeRelay, newRef, type Relay } from "./relay/relay.js";
import { Relays } from "./relay/relays.js";
import type { Telemetry } from "./telemetry.js";
import { VERSION } from "./version.js";

/** Groups of rows that leave in one statement at most. */
const INSERT_BATCH = 500;
const INSERT_BYTES = 4 * 1_024 * 1_024;
/** ms that an insert is tried again while the database is away, before it fails. */
const INSERT_PATIENCE = 15_000;
/** ms that a stop waits for the database in all, while that does not answer. */
const LAST_WRITES = 5_000;

/** One run of a Baton, from its start to its stop: the rooms wired together, under an id that no other run has. */
export class Host {
  readonly id = randomBytes(16).toString("base64url");
  readonly database: Database;
  readonly engine: Engine;
  readonly notifier: PostgresNotifier;
  readonly relays: Relays;
  readonly #options: CheckedOptions;
  readonly #telemetry: Telemetry;
  readonly #inserts: Batcher<readonly InsertRow[], Inserted[]>;
  #runner: Runner | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: CheckedOptions, telemetry: Telemetry) {
    this.#options = options;
    this.#telemetry = telemetry;
    const { connection, name, prefix, errors, durability, retention } = options;
    this.database = new Database(connection, `pg-baton ${name}`, telemetry);
    this.engine = new Engine(this.database, prefix, this.id, durability === "full", retention);
    this.notifier = new PostgresNotifier({
      database: this.database,
      telemetry,
      probeChannel: relayChannel(prefix, this.id),
      busy: () => this.relays.awaited > 0 || (this.#runner?.running ?? 0) > 0,
    });
    this.notifier.onRestore(() => this.#inserts.retryNow());
    this.relays = new Relays({
      source: this.engine,
      notifier: this.notifier,
      telemetry,
      decode: ({ encoding, bytes }) => unpack(encoding, bytes, { errors }),
    });
    this.#inserts = new Batcher({
      name: "insert",
      flush: (groups: (readonly InsertRow[])[]) => this.#insertGroups(groups),
      limit: INSERT_BATCH,
      weigh: (rows) => rows.reduce((bytes, { args }) => bytes + args.length, 0),
      maxWeight: INSERT_BYTES,
      patience: INSERT_PATIENCE,
      telemetry,
    });
  }

  get runner(): Runner | undefined {
    return this.#runner;
  }

  /** The threads start while the database is asked, which takes as long. */
  async start(): Promise<void> {
    if (this.#stopping !== undefined) throw new StoppedError("start");
    const { prefix, queues } = this.#options;
    // In a bundle even the import of Piscina fails, so this comes before it.
    if (queues.size > 0) entry("workers/thread.js");
    const hosting = queues.size > 0 ? this.#makeRunner() : Promise.resolve(undefined);
    const connecting = this.database.start();
    try {
      await Promise.all([hosting, connecting]);
      await this.notifier.listen(relayChannel(prefix, this.id), (payload) => this.relays.receive(payload));
      await Promise.all([this.#migrate(), this.notifier.start()]);
      await this.#runner?.start();
    } catch (error) {
      const stopped = this.#stopping !== undefined;
      // What still starts could not be stopped: a timer of the database would be left behind.
      const [hosted] = await Promise.allSettled([hosting, connecting]);
      await this.stop();
      // A stop that came first has not seen a host that was on its way.
      await this.#runner?.stop(0);
      if (stopped) throw new StoppedError("start");
      // What keeps threads from starting is not the database's.
      throw hosted.status === "rejected" && hosted.reason === error
        ? error
        : databaseError("Baton cannot start", error);
    }
  }

  async #migrate(): Promise<void> {
    const { prefix, queues } = this.#options;
    await migrate(this.database, prefix);
    await checkRights(this.database, prefix, queues.size > 0);
    // Not waited for: it may take hours, and only makes statements faster.
    buildIndexes(this.database, prefix).catch((error: unknown) => {
      if (this.#stopping === undefined) this.#telemetry.emit("service:error", { service: "migrations", error });
    });
  }

  /** Idempotent. Called while it starts, it has the start reject. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const deadline = new Deadline(LAST_WRITES);
    // Inserts first: what they claimed for this host is still run, or given back.
    await this.#inserts.close(LAST_WRITES);
    await this.#runner?.stop(deadline.left);
    this.relays.stop(new StoppedError("await any longer"));
    await this.notifier.stop();
    await this.database.stop();
  }

  /** Inserts jobs, all or none, and makes their relays. With `awaited`, slots are opened before the rows are there. */
  async insert(jobs: readonly CheckedJob[], awaited: boolean): Promise<Relay[]> {
    if (jobs.length === 0) return [];
    const rows = jobs.map((job) => this.#row(job, awaited));
    if (awaited) for (const { ref } of rows) this.relays.open(ref);
    const opening = rows.some(({ claimedBy }) => claimedBy !== null) ? this.#runner?.open() : undefined;
    try {
      const inserted = await this.#inserts.push(rows);
      for (const [index, row] of rows.entries()) this.#dispatch(row, inserted[index] as Inserted);
      return rows.map(({ worker, queue, ref }, index) => {
        return makeRelay({ id: (inserted[index] as Inserted).id, worker, queue }, this.id, ref);
      });
    } catch (error) {
      for (const row of rows) {
        this.relays.close(row.ref);
        if (row.claimedBy !== null) this.#runner?.settleReservation(row.queue, null);
      }
      throw databaseError("The job was not inserted", error);
    } finally {
      if (opening !== undefined) this.#runner?.settle(opening);
    }
  }

  /** A job that a thread of this very process can take at once is inserted as claimed: it saves the claim's round trip. */
  #row(job: CheckedJob, awaited: boolean): InsertRow {
    const now = job.scheduledAt === null && (job.scheduleIn ?? 0) === 0;
    const reserved = now && (this.#runner?.reserve(job.queue, job.worker) ?? false);
    return { ...job, ref: newRef(), replyTo: awaited ? this.id : null, claimedBy: reserved ? this.id : null };
  }

  #dispatch(row: InsertRow, { claimed }: Inserted): void {
    if (row.claimedBy !== null) this.#runner?.settleReservation(row.queue, claimed);
    else if (row.scheduledAt === null && row.scheduleIn === null) this.#runner?.wake(row.queue);
  }

  async #insertGroups(groups: (readonly InsertRow[])[]): Promise<Inserted[][]> {
    const inserted = (await this.engine.insert(groups.flat())).values();
    return groups.map((group) => group.map(() => inserted.next().value as Inserted));
  }

  async #makeRunner(): Promise<void> {
    // Only who runs jobs loads Piscina.
    const { Runner } = await import("./runner/runner.js");
    this.#runner = new Runner({
      ...this.#options,
      name: `${this.#options.name}@${hostname()}:${process.pid}`,
      version: VERSION,
      database: this.database,
      engine: this.engine,
      notifier: this.notifier,
      deliver: (ref, answer, { state, attempt, host }) => {
        this.relays.deliver(ref, answer, { state, attempt, host });
      },
      telemetry: this.#telemetry,
    });
    this.#runner.prepare();
  }
}

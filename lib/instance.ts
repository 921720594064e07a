import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { unpack } from "./codec/codec.js";
import { DatabaseError, StoppedError } from "./errors.js";
import type { Host } from "./host/host.js";
import type { CheckedJob } from "./job/draft.js";
import type { CheckedOptions } from "./options.js";
import { Batcher } from "./postgres/batcher.js";
import { Database } from "./postgres/database.js";
import { Engine, type Inserted } from "./postgres/engine.js";
import { isPassing } from "./postgres/failure.js";
import { migrate } from "./postgres/migrations.js";
import { PostgresNotifier } from "./postgres/notifier.js";
import type { InsertRow } from "./postgres/rows.js";
import { relayChannel } from "./postgres/fragments.js";
import { Awaiter } from "./relay/awaiter.js";
import { Dispatcher } from "./relay/dispatcher.js";
import { Mailbox } from "./relay/mailbox.js";
import { Reasons } from "./relay/reasons.js";
import { Reconciler } from "./relay/reconciler.js";
import { makeRelay, newRef, type Relay } from "./relay/relay.js";
import type { Telemetry } from "./telemetry.js";
import { VERSION } from "./version.js";

/** Groups of rows that leave in one statement at most. */
const INSERT_BATCH = 500;
const INSERT_BYTES = 4 * 1_024 * 1_024;
/** ms that an insert is tried again while the database is away, before it fails. */
const INSERT_PATIENCE = 15_000;
/** ms that inserts under way get when the instance stops. */
const LAST_INSERTS = 5_000;

/** One run of a Baton, from its start to its stop: the rooms wired together, under an id that no other run has. */
export class Instance {
  readonly id = randomBytes(16).toString("base64url");
  readonly database: Database;
  readonly engine: Engine;
  readonly notifier: PostgresNotifier;
  readonly mailbox: Mailbox;
  readonly awaiter: Awaiter;
  readonly #options: CheckedOptions;
  readonly #telemetry: Telemetry;
  readonly #reconciler: Reconciler;
  readonly #dispatcher: Dispatcher;
  readonly #inserts: Batcher<readonly InsertRow[], Inserted[]>;
  #host: Host | undefined;

  constructor(options: CheckedOptions, telemetry: Telemetry) {
    this.#options = options;
    this.#telemetry = telemetry;
    const { connection, name, prefix, queues, errors, durability } = options;
    this.database = new Database(connection, `pg-baton ${name}`, telemetry);
    this.engine = new Engine(this.database, prefix, this.id, durability === "full");
    this.notifier = new PostgresNotifier({
      database: this.database,
      telemetry,
      probeChannel: relayChannel(prefix, this.id),
      // Only who runs jobs is missed when it dies.
      lockKey: queues.size > 0 ? lockKeyOf(this.id) : null,
      busy: () => this.mailbox.awaited > 0 || (this.#host?.running ?? 0) > 0,
    });
    this.notifier.onRestore(() => this.#inserts.hurry());
    this.mailbox = new Mailbox(telemetry);
    this.#reconciler = new Reconciler(this.mailbox, this.engine, this.notifier, telemetry);
    this.#dispatcher = new Dispatcher(this.mailbox, this.#reconciler, telemetry);
    this.awaiter = new Awaiter({
      mailbox: this.mailbox,
      reconciler: this.#reconciler,
      reasons: new Reasons(this.engine, telemetry),
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

  get host(): Host | undefined {
    return this.#host;
  }

  /** The threads start while the database is asked, which takes as long. */
  async start(): Promise<void> {
    const { prefix, queues } = this.#options;
    const hosting = queues.size > 0 ? this.#makeHost() : Promise.resolve(undefined);
    try {
      await Promise.all([hosting, this.database.start()]);
      await this.notifier.listen(relayChannel(prefix, this.id), (payload) => this.#dispatcher.receive(payload));
      await Promise.all([migrate(this.database, prefix), this.notifier.start()]);
      await this.#host?.start();
    } catch (error) {
      await hosting.catch(() => {});
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    // Inserts first: what they claimed for this host is still run, or given back.
    await this.#inserts.close(LAST_INSERTS);
    await this.#host?.stop();
    this.awaiter.stop(new StoppedError("await any longer"));
    this.#reconciler.stop();
    this.mailbox.stop();
    await this.notifier.stop();
    await this.database.stop();
  }

  /** Inserts jobs, all or none, and makes their relays. With `awaited`, slots are opened before the rows are there. */
  async insert(jobs: readonly CheckedJob[], awaited: boolean): Promise<Relay[]> {
    if (jobs.length === 0) return [];
    const rows = jobs.map((job) => this.#row(job, awaited));
    if (awaited) for (const { ref } of rows) this.mailbox.open(ref);
    try {
      const inserted = await this.#inserts.push(rows);
      for (const [index, row] of rows.entries()) this.#dispatch(row, inserted[index] as Inserted);
      return rows.map(({ worker, queue, ref }, index) => {
        return makeRelay({ id: (inserted[index] as Inserted).id, worker, queue }, this.id, ref);
      });
    } catch (error) {
      for (const row of rows) {
        this.mailbox.close(row.ref);
        if (row.claimedBy !== null) this.#host?.settleReservation(row.queue, null);
      }
      throw insertError(error);
    }
  }

  /** A job that a thread of this very process can take at once is inserted as claimed: it saves the claim's round trip. */
  #row(job: CheckedJob, awaited: boolean): InsertRow {
    const now = job.scheduledAt === null && (job.scheduleIn ?? 0) === 0;
    const reserved = now && (this.#host?.reserve(job.queue, job.worker) ?? false);
    return { ...job, ref: newRef(), replyTo: awaited ? this.id : null, claimedBy: reserved ? this.id : null };
  }

  #dispatch(row: InsertRow, { claimed }: Inserted): void {
    if (row.claimedBy !== null) this.#host?.settleReservation(row.queue, claimed);
    else if (row.scheduledAt === null && row.scheduleIn === null) this.#host?.wake(row.queue);
  }

  async #insertGroups(groups: (readonly InsertRow[])[]): Promise<Inserted[][]> {
    const inserted = (await this.engine.insert(groups.flat())).values();
    return groups.map((group) => group.map(() => inserted.next().value as Inserted));
  }

  async #makeHost(): Promise<void> {
    // Only who runs jobs loads Piscina.
    const { Host } = await import("./host/host.js");
    this.#host = new Host({
      ...this.#options,
      name: `${this.#options.name}@${hostname()}:${process.pid}`,
      version: VERSION,
      engine: this.engine,
      notifier: this.notifier,
      lockKey: () => (this.notifier.locked ? lockKeyOf(this.id) : null),
      deliver: (ref, answer, { state, attempt, host }) => {
        this.#dispatcher.deliver(ref, answer, { state, attempt, host });
      },
      telemetry: this.#telemetry,
    });
    this.#host.prepare();
  }
}

/** The advisory lock of a host's session: 64 bits of its id. */
function lockKeyOf(id: string): string {
  return Buffer.from(id, "base64url").readBigInt64BE(0).toString();
}

function insertError(error: unknown): unknown {
  if (error instanceof StoppedError || error instanceof DatabaseError) return error;
  const { message } = error as Error;
  return isPassing(error)
    ? new DatabaseError(
        "ERR_BATON_DATABASE_UNREACHABLE",
        `The job was not inserted, the database is away: ${message}`,
        { cause: error },
      )
    : new DatabaseError("ERR_BATON_DATABASE_REFUSED", `The job was not inserted, the database refuses it: ${message}`, {
        cause: error,
      });
}

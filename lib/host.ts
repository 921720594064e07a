import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { unpack } from "./codec/codec.js";
import { entry } from "./entry.js";
import { StoppedError } from "./errors.js";
import { Deadline } from "./deadline.js";
import type { Runner } from "./runner/runner.js";
import type { CheckedOptions } from "./options.js";
import { Database } from "./postgres/database.js";
import { Engine } from "./engine/engine.js";
import { databaseError } from "./postgres/failure.js";
import { buildIndexes } from "./engine/indexes.js";
import { migrate } from "./engine/migrations.js";
import { PostgresNotifier } from "./postgres/notifier.js";
import { checkRights } from "./engine/rights.js";
import { relayChannel } from "./engine/fragments.js";
import { Inserter } from "./inserter.js";
import { Relays } from "./relay/relays.js";
import type { Telemetry } from "./telemetry.js";
import { VERSION } from "./version.js";

/** ms that a stop waits for the last inserts and outcomes if the database does not answer. */
const LAST_WRITES = 5_000;

/** A running Baton, under an id that is new at each start. Creates, starts and stops its parts. */
export class Host {
  readonly id = randomBytes(16).toString("base64url");
  readonly database: Database;
  readonly engine: Engine;
  readonly notifier: PostgresNotifier;
  readonly relays: Relays;
  readonly inserter: Inserter;
  readonly #options: CheckedOptions;
  readonly #telemetry: Telemetry;
  #runner: Runner | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: CheckedOptions, telemetry: Telemetry) {
    this.#options = options;
    this.#telemetry = telemetry;
    const { connection, name, prefix, errors, durability, retention } = options;
    this.database = new Database(connection, `pg-baton ${name}`, telemetry);
    this.engine = new Engine(this.database, prefix, this.id, { durability, retention });
    this.notifier = new PostgresNotifier({
      database: this.database,
      telemetry,
      probeChannel: relayChannel(prefix, this.id),
      busy: () => this.relays.awaited > 0 || (this.#runner?.running ?? 0) > 0,
    });
    this.notifier.onRestore(() => this.inserter.retryNow());
    this.relays = new Relays({
      source: this.engine,
      notifier: this.notifier,
      telemetry,
      decode: ({ encoding, bytes }) => unpack(encoding, bytes, { errors }),
    });
    this.inserter = new Inserter({
      host: this.id,
      engine: this.engine,
      relays: this.relays,
      runner: () => this.#runner,
      telemetry,
    });
  }

  /**
   * The half of this host that runs jobs. Undefined without queues, and until its module is loaded.
   */
  get runner(): Runner | undefined {
    return this.#runner;
  }

  /**
   * Connects and starts the threads at the same time, since each takes about as long. Rejects if
   * either fails, or with `StoppedError` if {@link stop} is called before it resolves.
   */
  async start(): Promise<void> {
    if (this.#stopping !== undefined) throw new StoppedError("start");
    const { prefix, queues } = this.#options;
    // Checked first: in a bundle even the import of Piscina fails.
    if (queues.size > 0) entry("workers/entry.cjs");
    const loading = queues.size > 0 ? this.#loadRunner() : Promise.resolve(undefined);
    const connecting = this.database.start();
    try {
      await Promise.all([loading, connecting]);
      await this.notifier.listen(relayChannel(prefix, this.id), (payload) => this.relays.receive(payload));
      await Promise.all([this.#migrate(), this.notifier.start()]);
      await this.#runner?.start();
    } catch (error) {
      const stopped = this.#stopping !== undefined;
      // Both must settle first: a database that is stopped while it starts leaves a timer behind.
      const [loaded] = await Promise.allSettled([loading, connecting]);
      await this.stop();
      // An earlier stop does not stop a runner that was still loading.
      await this.#runner?.stop(0);
      if (stopped) throw new StoppedError("start");
      // A runner that fails to load is not a database error.
      throw loaded.status === "rejected" && loaded.reason === error
        ? error
        : databaseError("Baton cannot start", error);
    }
  }

  async #migrate(): Promise<void> {
    const { prefix, queues } = this.#options;
    await migrate(this.database, prefix);
    await checkRights(this.database, prefix, { hosting: queues.size > 0 });
    // Not awaited: it may take hours, and indexes only make statements faster.
    buildIndexes(this.database, prefix).catch((error: unknown) => {
      if (this.#stopping === undefined) this.#telemetry.emit("service:error", { service: "migrations", error });
    });
  }

  /** Stops all parts, in order. Idempotent. A start under way rejects. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const deadline = new Deadline(LAST_WRITES);
    // Inserts first: the runner still runs, or releases, the jobs that they claim for this host.
    await this.inserter.close(LAST_WRITES);
    await this.#runner?.stop(deadline.left);
    this.relays.stop(new StoppedError("await any longer"));
    await this.notifier.stop();
    await this.database.stop();
  }

  async #loadRunner(): Promise<void> {
    // Imported here, so that a host without queues does not load Piscina.
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

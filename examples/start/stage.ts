import { availableParallelism } from "node:os";
import { Baton } from "../../lib/index.js"; // in your project: "pg-baton"
import Compress from "../workers/compress.js";
import Double from "../workers/double.js";
import { openDatabase } from "../database.js";
import { Neighbour } from "./neighbour.js";
import { QuotaError } from "./quota-error.js";
import { dropSchema } from "./schema.js";

/**
 * The set-up of the demo: a database, another host process, and this process as a host. Both hosts
 * serve the queue `files`. Only this one serves `here`, only the other one `there`. The stage
 * removes all that it made.
 */
export class Stage implements AsyncDisposable {
  readonly threadsHere = Math.max(1, Math.floor(availableParallelism() / 2));
  readonly threadsThere = Math.max(1, availableParallelism() - this.threadsHere);
  readonly #ending: AbortController;
  readonly #closers: (() => Promise<void>)[] = [];
  #baton: Baton | undefined;
  #neighbour: Neighbour | undefined;
  #database = "";

  /** @param ending aborts the demo. */
  constructor(ending: AbortController) {
    this.#ending = ending;
  }

  /** Aborts when the demo ends early. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** Describes the database. */
  get database(): string {
    return this.#database;
  }

  /** The host of this process. */
  get baton(): Baton {
    if (this.#baton === undefined) throw new Error("The demo is not set up");
    return this.#baton;
  }

  /** The process id of the other host. */
  get neighbour(): number {
    return this.#neighbour?.pid ?? 0;
  }

  /** Starts the database and both hosts. After an error, disposing the stage stops what runs. */
  async set(): Promise<void> {
    const { signal } = this;
    const database = await openDatabase();
    this.#closers.push(async () => await database[Symbol.asyncDispose]());
    signal.throwIfAborted();
    const connection = database.url;
    const prefix = `baton_start_${process.pid}`;
    this.#database = database.embedded
      ? "PostgreSQL, embedded, started for this run only"
      : `PostgreSQL of DATABASE_URL, in a schema of its own, ${prefix}`;
    const baton = new Baton({
      connection,
      prefix,
      name: "demo-here",
      threads: this.threadsHere,
      queues: { files: this.threadsHere, here: this.threadsHere },
      workers: [Compress, Double],
      errors: [QuotaError],
      shutdownGracePeriod: 0,
    });
    await baton.start();
    if (!database.embedded) this.#closers.push(() => dropSchema(connection, prefix));
    this.#closers.push(() => baton.stop());
    this.#baton = baton;
    signal.throwIfAborted();
    await this.#startNeighbour(connection, prefix, !database.embedded);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.splice(0).toReversed()) await close();
  }

  async #startNeighbour(connection: string, prefix: string, drop: boolean): Promise<void> {
    const settings = { connection, prefix, threads: this.threadsThere, drop };
    const neighbour = new Neighbour(settings, (error) => this.#ending.abort(error));
    this.#closers.push(() => neighbour.leave());
    this.#neighbour = neighbour;
    await neighbour.up(this.signal);
  }
}

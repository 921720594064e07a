import { randomBytes } from "node:crypto";
import pg from "pg";
import { type Embedded, startEmbedded } from "../../lib/embedded.js";

/** What the report says of the server. */
export interface ServerFacts {
  readonly version: string;
  readonly fsync: string;
  readonly synchronousCommit: string;
  readonly source: "DATABASE_URL" | "embedded";
}

/** The server that DATABASE_URL names is of no use here. The message says why. */
export class ServerError extends Error {
  override readonly name = "ServerError";
}

/** The server to measure on: the one that DATABASE_URL names, else an embedded one. Started when it is first asked for. */
export class Server {
  readonly #given = process.env["DATABASE_URL"] || undefined;
  readonly #databases: string[] = [];
  #embedded: Embedded | undefined;
  #facts: ServerFacts | undefined;

  /** undefined while no question has asked for a database. */
  get facts(): ServerFacts | undefined {
    return this.#facts;
  }

  /** Creates a database and returns its URL. */
  async database(): Promise<string> {
    this.#facts ??= await this.#start();
    const name = `baton_bench_${randomBytes(6).toString("hex")}`;
    await this.#admin((client) => client.query(`create database ${name} encoding 'UTF8' template template0`));
    this.#databases.push(name);
    const url = new URL(this.#url());
    url.pathname = `/${name}`;
    return url.href;
  }

  /** Drops what was created. */
  async close(): Promise<void> {
    if (this.#embedded !== undefined) return this.#embedded.remove();
    const names = this.#databases.splice(0);
    if (names.length === 0) return;
    await this.#admin(async (client) => {
      for (const name of names) await client.query(`drop database if exists ${name} with (force)`);
    });
  }

  async #start(): Promise<ServerFacts> {
    if (this.#given === undefined) this.#embedded = await startEmbedded({ settings: { max_connections: "600" } });
    return this.#admin(async (client) => {
      const { rows } = await client.query<Omit<ServerFacts, "source">>(
        `select split_part(current_setting('server_version'), ' ', 1) as version, current_setting('fsync') as fsync,
          current_setting('synchronous_commit') as "synchronousCommit"`,
      );
      return { ...(rows[0] as Omit<ServerFacts, "source">), source: this.#embedded ? "embedded" : "DATABASE_URL" };
    });
  }

  #url(): string {
    return this.#given ?? this.#embedded?.url ?? "";
  }

  async #admin<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> {
    const client = new pg.Client(this.#url());
    try {
      await client.connect();
      return await work(client);
    } catch (error) {
      if (this.#given === undefined) throw error;
      const needs = "The bench needs to connect there and to create databases";
      throw new ServerError(`The server of DATABASE_URL refuses: ${(error as Error).message}. ${needs}.`);
    } finally {
      await client.end();
    }
  }
}

import { randomBytes } from "node:crypto";
import pg from "pg";
import { type Embedded, startEmbedded } from "../../lib/embedded.js";

/** The server, for the report. */
export interface ServerFacts {
  readonly version: string;
  readonly fsync: string;
  readonly synchronousCommit: string;
  readonly source: "DATABASE_URL" | "embedded";
}

/** The server of DATABASE_URL cannot be used. */
export class ServerError extends Error {
  override readonly name = "ServerError";
}

/** The server to measure on: that of DATABASE_URL, or an embedded one that starts on first use. */
export class Server {
  readonly #given = process.env["DATABASE_URL"] || undefined;
  readonly #databases: string[] = [];
  #embedded: Embedded | undefined;
  #starting: Promise<void> | undefined;
  #facts: ServerFacts | undefined;

  /** undefined until a question has asked for a database. */
  get facts(): ServerFacts | undefined {
    return this.#facts;
  }

  /** Creates a database and returns its URL. */
  async database(): Promise<string> {
    await (this.#starting ??= this.#start());
    const name = `baton_bench_${randomBytes(6).toString("hex")}`;
    await this.#admin((client) => client.query(`create database ${name} encoding 'UTF8' template template0`));
    this.#databases.push(name);
    const url = new URL(this.#url());
    url.pathname = `/${name}`;
    return url.href;
  }

  /** Drops the databases that were created, or removes the embedded server. */
  async close(): Promise<void> {
    if (this.#embedded !== undefined) return this.#embedded.remove();
    const names = this.#databases.splice(0);
    if (names.length === 0) return;
    await this.#admin(async (client) => {
      for (const name of names) await client.query(`drop database if exists ${name} with (force)`);
    });
  }

  async #start(): Promise<void> {
    if (this.#given === undefined) this.#embedded = await startEmbedded({ settings: { max_connections: "600" } });
    this.#facts = await this.#admin(async (client) => {
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
      const needs = "The bench needs a role that may connect and create databases";
      throw new ServerError(`The server of DATABASE_URL refused: ${(error as Error).message}. ${needs}.`);
    } finally {
      await client.end();
    }
  }
}

import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { retryDelay } from "../backoff.js";
import { within } from "../deadline.js";
import type { Telemetry } from "../telemetry.js";
import type { ServerClient } from "./client.js";
import type { Database } from "./database.js";
import { dial } from "./dial.js";
import type { PendingStatement } from "./pending.js";
import { LIMITS } from "./settings.js";

/** How a connection ended. */
interface Loss {
  readonly error: unknown;
  /** The successor on its way, if the connection was given up while it showed no error. */
  readonly next: Promise<ServerClient> | null;
}

export interface ListenerOptions {
  readonly database: Database;
  readonly telemetry: Telemetry;
  /** Whether awaits are open or jobs run now. If so, a silent connection is checked sooner. */
  readonly busy: () => boolean;
  /** The channels that a new connection listens on. */
  readonly channels: () => Iterable<string>;
  readonly onNotification: (channel: string, payload: string, sender: number) => void;
  /** Called when the first connection is up. {@link Listener.start} waits for it. */
  readonly onOpen: () => Promise<void>;
  /** Called when a later connection is up. Notifications of the gap before it are lost. */
  readonly onReopen: () => Promise<void>;
  /** Called every 500 ms while the connection is up. */
  readonly onCheck: () => Promise<void>;
}

/** ms between two checks of the connection. */
const CHECK = 500;
/**
 * ms of silence after which the connection is asked for a sign of life: a half-open one shows no
 * error. The first applies while awaits are open or jobs run.
 */
const SILENCE = 1_000;
const IDLE_SILENCE = 10_000;
/** ms that the connection has to answer before a successor is opened to race with it. */
const ANSWER = 500;
/** ms from then on before the connection is given up, with or without a successor. */
const LAST_ANSWER = 2_000;
/** ms that a statement of this connection may take. */
const STATEMENT_TIMEOUT = 5_000;
/** After an outage, connections at least this old are cut, in ms. */
const STALE = 500;

/**
 * Lets the server end the session of a vanished machine within about ten seconds. Refusals do not
 * matter: the settings do not apply to Unix sockets.
 */
const KEEPALIVE = "set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3";

/**
 * The connection that listens. After a silence it is asked for a sign of life; once lost, it is
 * replaced. One statement asks both that and the watchdog's audit.
 */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #stopping = new AbortController();
  #client: ServerClient | undefined;
  /** Ends the use of the current connection, which is dead but shows no error. */
  #giveUp: (next: Promise<ServerClient>) => void = () => {};
  /** When the server last sent anything over the current connection. */
  #heardAt = 0;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** The connection in use; undefined during a gap and when stopped. */
  get client(): ServerClient | undefined {
    return this.#client;
  }

  /** Resolves once it listens; reconnects by itself from then on. Rejects if it cannot connect. */
  async start(): Promise<void> {
    const lost = this.#adopt(await this.#dial());
    await this.#options.onOpen();
    void this.#keep(lost);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) await client.close();
  }

  /** Replaces each connection that is lost, until stopped. */
  async #keep(lost: Promise<Loss>): Promise<void> {
    const { telemetry, onReopen } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const { error, next } = await lost;
      if (signal.aborted) return;
      telemetry.emit("notifier:connection", { connected: false, error });
      const client = await this.#reopen(next);
      if (client === null) return;
      lost = this.#adopt(client);
      telemetry.emit("notifier:connection", { connected: true, error: null });
      await onReopen();
    }
  }

  /** Retries until it has a connection; null when stopped. */
  async #reopen(next: Promise<ServerClient> | null): Promise<ServerClient | null> {
    const { database, telemetry } = this.#options;
    const { signal } = this.#stopping;
    for (let failures = next === null ? 1 : 0; ; failures += 1) {
      if (failures > 0) await sleep(retryDelay(failures), undefined, { signal }).catch(() => {});
      if (signal.aborted) return null;
      try {
        const client = await (failures === 0 ? (next as Promise<ServerClient>) : this.#dial());
        // Either the database was unreachable, or something swallowed this connection's bytes.
        // Both have most likely hit the pools' connections too.
        if (failures !== 1) database.watchdog.cutOlder(STALE);
        return client;
      } catch (error) {
        if (!signal.aborted) telemetry.emit("service:error", { service: "notifier", error });
      }
    }
  }

  #dial(): Promise<ServerClient> {
    return dial({ make: () => this.#make(), prepare: (client) => this.#prepare(client) }, this.#stopping.signal);
  }

  #make(): ServerClient {
    const { database, onNotification } = this.#options;
    const client = database.client({ query_timeout: STATEMENT_TIMEOUT }, LIMITS.control);
    client.on("notification", ({ channel, payload, processId }) => {
      this.#heardAt = performance.now();
      onNotification(channel, payload ?? "", processId);
    });
    return client;
  }

  /** Connects and listens. */
  async #prepare(client: ServerClient): Promise<ServerClient> {
    await client.connect();
    // A pooler's session serves other clients too.
    if (client.own) await client.query(KEEPALIVE);
    const channels = [...this.#options.channels()];
    await client.query(channels.map((channel) => `listen ${pg.escapeIdentifier(channel)}`).join("; "));
    return client;
  }

  /** Uses a connection from now on. Resolves once it is lost. */
  #adopt(client: ServerClient): Promise<Loss> {
    this.#client = client;
    this.#heardAt = performance.now();
    // A terminated connection emits "error" twice and then "end". The first event resolves.
    const lost = new Promise<Loss>((resolve) => {
      client.on("error", (error) => resolve({ error, next: null }));
      client.on("end", () => resolve({ error: new Error("the connection ended"), next: null }));
      this.#giveUp = (next) => resolve({ error: new Error("the connection does not answer"), next });
    }).then((loss) => {
      if (this.#client === client) this.#client = undefined;
      void client.close();
      return loss;
    });
    void this.#watch(client);
    return lost;
  }

  /** Checks a connection for as long as it is in use. */
  async #watch(client: ServerClient): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      await sleep(CHECK, undefined, { ref: false, signal }).catch(() => {});
      if (this.#client !== client) return;
      // Hosts notify each other over the server that takes writes, which is another one by now.
      if (client.outdated) return this.#giveUp(this.#dial());
      await this.#check(client);
      if (this.#client !== client) return;
      await this.#options.onCheck();
    }
  }

  /**
   * Asks for a sign of life if the connection was silent or statements of the pools are stalled. A
   * connection that does not answer races with a successor.
   */
  async #check(client: ServerClient): Promise<void> {
    const { busy, database } = this.#options;
    const stalled = database.watchdog.stalled();
    const silence = performance.now() - this.#heardAt;
    if (stalled.length === 0 && silence < (busy() ? SILENCE : IDLE_SILENCE)) return;
    let answered = false;
    const asking = this.#ask(client, stalled).finally(() => {
      answered = true;
    });
    if (await within(asking, ANSWER, { ref: false })) return;
    const next = this.#dial();
    // A successor that fails leaves the decision to the answer.
    const decided = Promise.race([asking, next.catch(() => asking)]);
    await within(decided, LAST_ANSWER, { ref: false });
    if (answered) next.then((successor) => successor.close()).catch(() => {});
    else this.#giveUp(next);
  }

  async #ask(client: ServerClient, stalled: readonly PendingStatement[]): Promise<void> {
    try {
      await this.#options.database.watchdog.audit(client, stalled);
      this.#heardAt = performance.now();
    } catch {
      // The connection has failed, which its events report.
    }
  }
}

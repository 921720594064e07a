import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Telemetry } from "../telemetry.js";
import type { ServerClient } from "./client.js";
import type { Database } from "./database.js";
import { dial } from "./dial.js";
import { retryDelay } from "./failure.js";
import { LIMITS } from "./settings.js";
import { closeClient } from "./sockets.js";

/** How a connection ended. */
interface Loss {
  readonly error: unknown;
  /** Its successor, on its way already, where it fell silent and was not told of its end. */
  readonly next: Promise<ServerClient> | null;
}

export interface ListenerOptions {
  readonly database: Database;
  readonly telemetry: Telemetry;
  /** Whether anything hangs on the connections now: then they are looked after more closely. */
  readonly busy: () => boolean;
  /** What a new connection has to listen to. */
  readonly channels: () => Iterable<string>;
  readonly onNotification: (channel: string, payload: string, sender: number) => void;
  /** A connection is in use: the first, or a later one after a gap. It counts as up once this has resolved. */
  readonly onOpen: (again: boolean) => Promise<void>;
  /** Called every now and then while it is up. */
  readonly onLook: () => Promise<void>;
}

/** ms between looks at how the connections do. */
const LOOK = 500;
/** ms of silence after which a connection is asked, when something hangs on it and when nothing does: a half-open one shows no error. */
const SILENCE = 1_000;
const IDLE_SILENCE = 10_000;
/** ms that it has to answer, before another is opened to see who is first, and before it is given up. */
const ANSWER = 500;
const LAST_ANSWER = 2_000;
/** ms that a statement of this connection may take. */
const STATEMENT_TIMEOUT = 5_000;
/** ms: when all came back after it had been gone, connections older than this are gone too. */
const STALE = 500;

/**
 * Lets the server close a session whose machine is gone within about ten seconds: its lock must not live on.
 * Errors in these settings do not matter (they do not apply to Unix sockets).
 */
const KEEPALIVE = "set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3";

/** Of the server's processes that are given, those that wait for a statement, which they have been sent long ago. */
const UNHEARD =
  "select pid from pg_catalog.pg_stat_get_activity(null) where pid = any($1::int[]) and state <> 'active'";

/**
 * The one connection that listens: opened, asked whether it lives when it was silent, and opened again when it is lost. It
 * looks after the pool's connections too, since it can ask the server about them.
 */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #stopping = new AbortController();
  #client: ServerClient | undefined;
  /** Tells that the connection in use is dead though it shows no error. */
  #giveUp: (next: Promise<ServerClient>) => void = () => {};
  /** When anything came from the server last. */
  #heardAt = 0;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** The connection in use; undefined in a gap, and when stopped. */
  get client(): ServerClient | undefined {
    return this.#client;
  }

  /** Resolves after the first connection, and keeps it, or its successors, up from then on. Rejects if there is none. */
  async start(): Promise<void> {
    const lost = this.#adopt(await this.#dial());
    await this.#options.onOpen(false);
    void this.#keep(lost);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) await closeClient(client);
  }

  async #keep(lost: Promise<Loss>): Promise<void> {
    const { telemetry, onOpen } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const { error, next } = await lost;
      if (signal.aborted) return;
      telemetry.emit("notifier:connection", { connected: false, error });
      const client = await this.#reopen(next);
      if (client === null) return;
      lost = this.#adopt(client);
      telemetry.emit("notifier:connection", { connected: true, error: null });
      await onOpen(true);
    }
  }

  /** Tries until it has a connection; null when stopped. */
  async #reopen(next: Promise<ServerClient> | null): Promise<ServerClient | null> {
    const { database, telemetry } = this.#options;
    const { signal } = this.#stopping;
    for (let failures = next === null ? 1 : 0; ; failures += 1) {
      if (failures > 0) await sleep(retryDelay(failures), undefined, { signal }).catch(() => {});
      if (signal.aborted) return null;
      try {
        const client = await (failures === 0 ? (next as Promise<ServerClient>) : this.#dial());
        // The database was gone, or what swallowed this connection's bytes has most likely swallowed the others'.
        if (failures !== 1) database.cutOlder(STALE);
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
    // A pooler's session is others' too.
    if (client.own) await client.query(KEEPALIVE);
    const channels = [...this.#options.channels()];
    await client.query(channels.map((channel) => `listen ${pg.escapeIdentifier(channel)}`).join("; "));
    return client;
  }

  /** Uses a connection from now on, until it is lost. */
  #adopt(client: ServerClient): Promise<Loss> {
    this.#client = client;
    this.#heardAt = performance.now();
    // A terminated connection emits "error" twice and then "end": the first word of either counts.
    const lost = new Promise<Loss>((resolve) => {
      client.on("error", (error) => resolve({ error, next: null }));
      client.on("end", () => resolve({ error: new Error("the connection ended"), next: null }));
      this.#giveUp = (next) => resolve({ error: new Error("the connection does not answer"), next });
    }).then((loss) => {
      if (this.#client === client) this.#client = undefined;
      void closeClient(client);
      return loss;
    });
    void this.#watch(client);
    return lost;
  }

  /** Looks after the connections for as long as this one is in use. */
  async #watch(client: ServerClient): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      await sleep(LOOK, undefined, { ref: false, signal }).catch(() => {});
      if (this.#client !== client) return;
      // Whoever writes is at another server by now: nothing will be heard here.
      if (client.outdated) return this.#giveUp(this.#dial());
      await this.#ask(client);
      if (this.#client !== client) return;
      await this.#options.onLook();
    }
  }

  /**
   * Asks a connection that was silent, and whether the server is at work on what others wait for; cuts those where it is not.
   * One that does not answer is given up for another, if that is through before the answer comes.
   */
  async #ask(client: ServerClient): Promise<void> {
    const { database, busy } = this.#options;
    const stalled = database.stalled(SILENCE);
    const silence = performance.now() - this.#heardAt;
    if (stalled.length === 0 && silence < (busy() ? SILENCE : IDLE_SILENCE)) return;
    const answer = client.query<{ pid: number }>(UNHEARD, [stalled.map(({ pid }) => pid)]).then(
      ({ rows }) => {
        this.#heardAt = performance.now();
        const unheard = new Set(rows.map(({ pid }) => pid));
        database.cut(stalled.filter(({ pid }) => unheard.has(pid)));
        return true;
      },
      // It has failed: its end will be told.
      () => true,
    );
    const within = (ms: number): Promise<false> => sleep(ms, false, { ref: false });
    if (await Promise.race([answer, within(ANSWER)])) return;
    const next = this.#dial();
    const through = next.then(() => false).catch(() => within(LAST_ANSWER));
    if (await Promise.race([answer, through, within(LAST_ANSWER)])) next.then(closeClient).catch(() => {});
    else this.#giveUp(next);
  }
}

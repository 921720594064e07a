import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Notifier, NotifierMode } from "../notifier.js";
import type { Telemetry } from "../telemetry.js";
import type { Database } from "./database.js";
import { dial } from "./dial.js";
import { retryDelay, sqlState } from "./failure.js";
import { closeClient } from "./sockets.js";

/** How a connection ended. */
interface Loss {
  readonly error: unknown;
  /** Its successor, on its way already, where it fell silent and was not told of its end. */
  readonly next: Promise<pg.Client> | null;
}

export interface PostgresNotifierOptions {
  readonly database: Database;
  readonly telemetry: Telemetry;
  /** A channel of this host's own, to prove on it that notifications arrive. */
  readonly probeChannel: string;
  /** The advisory lock (a bigint) that shows others that this host's session lives, or null. */
  readonly lockKey: string | null;
  /** Whether anything hangs on the connections now: then they are looked after more closely. */
  readonly busy: () => boolean;
}

/** A probe's payload begins with this; an envelope never does. */
const PROBE = "P1";
/** ms until a notification to oneself must have arrived. */
const PROBE_TIMEOUT = 1_000;
/** ms without a notification after which one is sent to oneself. Each wakes all listeners of the database, so it is seldom. */
const PROVE = 10_000;
/** ms between looks at how the connections do. */
const LOOK = 500;
/** ms of silence after which a connection is asked, when something hangs on it and when nothing does: a half-open one shows no error. */
const SILENCE = 1_000;
const IDLE_SILENCE = 2_000;
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
const UNHEARD = "select pid from pg_stat_get_activity(null) where pid = any($1::int[]) and state <> 'active'";

const UNCLOG = { name: "baton_unclog", text: "select pg_notification_queue_usage()" };

/**
 * LISTEN and NOTIFY. One connection does nothing but listen; it comes back by itself when it is lost, and proves itself by a
 * notification sent over another connection, then and now and again. Where that does not arrive (a pooler in transaction
 * mode) its mode is `polling`, and it goes on trying. It also looks after the pool's connections, as it can ask the server.
 */
export class PostgresNotifier implements Notifier {
  readonly #options: PostgresNotifierOptions;
  readonly #handlers = new Map<string, ((payload: string) => void)[]>();
  readonly #restored: (() => void)[] = [];
  readonly #stopping = new AbortController();
  #started: Promise<void> | undefined;
  #client: pg.Client | undefined;
  /** Tells that the connection in use is dead though it shows no error. */
  #giveUp: (next: Promise<pg.Client>) => void = () => {};
  #mode: NotifierMode | undefined;
  #locked = false;
  #probe: { readonly nonce: string; readonly arrived: () => void } | undefined;
  /** When a notification arrived last, when the server answered last, when a probe was sent last. */
  #heardAt = 0;
  #answeredAt = 0;
  #probedAt = 0;
  #reprobe = LOOK;

  constructor(options: PostgresNotifierOptions) {
    this.#options = options;
    this.#handlers.set(options.probeChannel, []);
  }

  get mode(): NotifierMode {
    return this.#mode ?? "polling";
  }

  /** Whether the session that listens is up and holds the lock. */
  get locked(): boolean {
    return this.#locked;
  }

  start(): Promise<void> {
    this.#started ??= this.#run();
    return this.#started;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const client = this.#client;
    this.#client = undefined;
    this.#locked = false;
    if (client !== undefined) await closeClient(client);
  }

  async listen(channel: string, handler: (payload: string) => void): Promise<void> {
    const handlers = this.#handlers.get(channel);
    if (handlers !== undefined) {
      handlers.push(handler);
      return;
    }
    this.#handlers.set(channel, [handler]);
    // If this fails the connection is lost, and what brings it back listens to all channels.
    await this.#client?.query(`listen ${pg.escapeIdentifier(channel)}`).catch(() => {});
  }

  async notify(channel: string, payload: string): Promise<void> {
    await this.#options.database.query({ name: "baton_notify", text: "select pg_notify($1, $2)" }, [channel, payload]);
  }

  onRestore(handler: () => void): void {
    this.#restored.push(handler);
  }

  /** Resolves after the first connection; keeps it, or its successors, up from then on. */
  async #run(): Promise<void> {
    const lost = this.#adopt(await this.#dial());
    await this.#prove();
    void this.#keep(lost);
  }

  async #keep(lost: Promise<Loss>): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const { error, next } = await lost;
      if (signal.aborted) return;
      this.#options.telemetry.emit("notifier:connection", { connected: false, error });
      const client = await this.#reopen(next);
      if (client === null) return;
      lost = this.#adopt(client);
      await this.#prove();
      this.#options.telemetry.emit("notifier:connection", { connected: true, error: null });
      this.#restore();
    }
  }

  /** Tries until it has a connection; null when stopped. */
  async #reopen(next: Promise<pg.Client> | null): Promise<pg.Client | null> {
    const { signal } = this.#stopping;
    for (let failures = next === null ? 1 : 0; ; failures += 1) {
      if (failures > 0) await sleep(retryDelay(failures), undefined, { signal }).catch(() => {});
      if (signal.aborted) return null;
      try {
        const client = await (failures === 0 ? (next as Promise<pg.Client>) : this.#dial());
        // The database was gone, or what swallowed this connection's bytes has most likely swallowed the others'.
        if (failures !== 1) this.#options.database.cutOlder(STALE);
        return client;
      } catch (error) {
        if (!signal.aborted) this.#options.telemetry.emit("service:error", { service: "notifier", error });
      }
    }
  }

  #dial(): Promise<pg.Client> {
    return dial(() => this.#open(), this.#stopping.signal);
  }

  /** Connects and listens. */
  async #open(): Promise<pg.Client> {
    const client = this.#options.database.client({ query_timeout: STATEMENT_TIMEOUT });
    client.on("error", () => {});
    client.on("notification", ({ channel, payload }) => this.#dispatch(channel, payload ?? ""));
    const { signal } = this.#stopping;
    const onStop = (): void => void closeClient(client);
    signal.addEventListener("abort", onStop);
    try {
      await client.connect();
      await client.query(KEEPALIVE);
      const channels = [...this.#handlers.keys()].map((channel) => `listen ${pg.escapeIdentifier(channel)}`);
      await client.query(channels.join("; "));
      return client;
    } catch (error) {
      void closeClient(client);
      throw error;
    } finally {
      signal.removeEventListener("abort", onStop);
    }
  }

  /** Uses a connection from now on, until it is lost. */
  #adopt(client: pg.Client): Promise<Loss> {
    this.#client = client;
    this.#answeredAt = performance.now();
    // A terminated connection emits "error" twice and then "end": the first word of either counts.
    const lost = new Promise<Loss>((resolve) => {
      client.on("error", (error) => resolve({ error, next: null }));
      client.on("end", () => resolve({ error: new Error("the connection ended"), next: null }));
      this.#giveUp = (next) => resolve({ error: new Error("the connection does not answer"), next });
    }).then((loss) => {
      if (this.#client === client) this.#client = undefined;
      this.#locked = false;
      void closeClient(client);
      return loss;
    });
    void this.#watch(client);
    return lost;
  }

  /** Sends a notification to itself, and sets the mode by whether it arrives. */
  async #prove(): Promise<void> {
    const nonce = randomBytes(12).toString("base64url");
    const arrived = new Promise<true>((resolve) => {
      this.#probe = { nonce, arrived: () => resolve(true) };
    });
    const done = new AbortController();
    const signal = AbortSignal.any([done.signal, this.#stopping.signal]);
    const timeout = sleep(PROBE_TIMEOUT, false, { ref: false, signal }).catch(() => false);
    this.#probedAt = performance.now();
    // Not waited for: it may hang, and that it fails shows as well as that it is not heard.
    this.notify(this.#options.probeChannel, PROBE + nonce).catch((error: unknown) => this.#unclog(error));
    const heard = await Promise.race([arrived, timeout]);
    done.abort();
    this.#probe = undefined;
    if (this.#client === undefined) return;
    this.#reprobe = heard ? LOOK : Math.min(2 * this.#reprobe, PROVE);
    if (heard) this.#setMode("notify", "a notification to itself arrived");
    else this.#setMode("polling", `a notification to itself did not arrive within ${PROBE_TIMEOUT} ms`);
    await this.#lock();
  }

  /** A queue that was full stays so after all have read it, until somebody asks how full it is: that clears it (PostgreSQL 18). */
  async #unclog(error: unknown): Promise<void> {
    const { database, telemetry } = this.#options;
    if (sqlState(error) !== "54000") return;
    try {
      await database.query(UNCLOG, []);
    } catch (failure) {
      telemetry.emit("service:error", { service: "notifier", error: failure });
    }
  }

  /** Only where notifications arrive: behind a pooler the session, and with it the lock, is nobody's in particular. */
  async #lock(): Promise<void> {
    const [client, { lockKey }] = [this.#client, this.#options];
    if (this.#mode !== "notify") this.#locked = false;
    if (this.#locked || this.#mode !== "notify" || lockKey === null || client === undefined) return;
    // Not waited for: after a cut, the server may keep the former session, and its lock, for a while.
    const text = "select pg_try_advisory_lock($1::bigint) as locked";
    const { rows } = await client.query<{ locked: boolean }>(text, [lockKey]).catch(() => ({ rows: [] }));
    this.#locked = this.#client === client && rows[0]?.locked === true;
  }

  #setMode(mode: NotifierMode, reason: string): void {
    const before = this.#mode;
    if (before === mode || this.#stopping.signal.aborted) return;
    this.#mode = mode;
    if (before === undefined && mode === "notify") return;
    this.#options.telemetry.emit("notifier:mode", { mode, reason });
    if (before !== undefined) this.#restore();
  }

  #restore(): void {
    for (const restored of this.#restored) restored();
  }

  /** Looks after the connections for as long as this one is in use. */
  async #watch(client: pg.Client): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      await sleep(LOOK, undefined, { ref: false, signal }).catch(() => {});
      if (this.#client !== client || signal.aborted) return;
      await this.#ask(client);
      if (this.#client !== client || signal.aborted) return;
      const [silent, sinceProbe] = [performance.now() - this.#heardAt, performance.now() - this.#probedAt];
      const due = this.mode === "notify" ? Math.min(silent, sinceProbe) > PROVE : sinceProbe > this.#reprobe;
      if (due && this.#probe === undefined) await this.#prove();
      else await this.#lock();
    }
  }

  /**
   * Asks a connection that was silent, and whether the server is at work on what others wait for; cuts those where it is not.
   * One that does not answer is given up for another, if that is through before the answer comes.
   */
  async #ask(client: pg.Client): Promise<void> {
    const { database, busy } = this.#options;
    const stalled = database.stalled(SILENCE);
    const silence = performance.now() - Math.max(this.#heardAt, this.#answeredAt);
    if (stalled.length === 0 && silence < (busy() ? SILENCE : IDLE_SILENCE)) return;
    const answer = client.query<{ pid: number }>(UNHEARD, [stalled.map(({ pid }) => pid)]).then(
      ({ rows }) => {
        this.#answeredAt = performance.now();
        const unheard = new Set(rows.map(({ pid }) => pid));
        database.cut(stalled.filter(({ pid }) => unheard.has(pid)));
        return true;
      },
      () => true,
    );
    const within = (ms: number): Promise<false> => sleep(ms, false, { ref: false });
    if (await Promise.race([answer, within(ANSWER)])) return;
    const next = this.#dial();
    const through = next.then(() => false).catch(() => within(LAST_ANSWER));
    if (await Promise.race([answer, through, within(LAST_ANSWER)])) next.then(closeClient).catch(() => {});
    else this.#giveUp(next);
  }

  #dispatch(channel: string, payload: string): void {
    this.#heardAt = performance.now();
    if (payload.startsWith(PROBE) && channel === this.#options.probeChannel) {
      if (payload === PROBE + this.#probe?.nonce) this.#probe?.arrived();
      return;
    }
    for (const handler of this.#handlers.get(channel) ?? []) {
      try {
        handler(payload);
      } catch (error) {
        this.#options.telemetry.emit("service:error", { service: `notifier ${channel}`, error });
      }
    }
  }
}

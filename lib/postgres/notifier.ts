import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Notifier, NotifierMode } from "../notifier.js";
import type { Telemetry } from "../telemetry.js";
import type { Database } from "./database.js";
import { retryDelay } from "./failure.js";

/** One connection's life: `lost` resolves, with the reason, when it is over. */
interface Session {
  readonly lost: Promise<unknown>;
}

export interface PostgresNotifierOptions {
  readonly database: Database;
  readonly telemetry: Telemetry;
  /** A channel of this host's own, to prove on it that notifications arrive. */
  readonly probeChannel: string;
  /** The advisory lock (a bigint) that shows others that this host's session lives, or null. */
  readonly lockKey: string | null;
}

/** A probe's payload begins with this; an envelope never does. */
const PROBE = "P1";
/** ms until a notification to oneself must have arrived. */
const PROBE_TIMEOUT = 1_000;
/** ms between looks at a connection that is silent: a half-open one shows no error by itself. */
const HEARTBEAT = 2_000;
/** ms between tries to have notifications again where they did not arrive. */
const REPROBE = 10_000;

/**
 * Lets the server close a session whose machine is gone within about ten seconds: its lock must not live on.
 * Errors in these settings do not matter (they do not apply to Unix sockets).
 */
const KEEPALIVE = "set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3";

/**
 * LISTEN and NOTIFY. One connection does nothing but listen; it comes back by itself when it is lost, and each time proves
 * itself by a notification sent over another connection. Where that does not arrive (a pooler in transaction mode) its
 * mode is `polling`, and it goes on trying.
 */
export class PostgresNotifier implements Notifier {
  readonly #options: PostgresNotifierOptions;
  readonly #handlers = new Map<string, ((payload: string) => void)[]>();
  readonly #restored: (() => void)[] = [];
  readonly #stopping = new AbortController();
  #started: Promise<void> | undefined;
  #client: pg.Client | undefined;
  #mode: NotifierMode | undefined;
  #locked = false;
  #probe: { readonly nonce: string; readonly arrived: () => void } | undefined;
  #heard = 0;

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
    await client?.end().catch(() => {});
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
    void this.#keep(await this.#connect());
  }

  async #keep(session: Session): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const error = await session.lost;
      if (signal.aborted) return;
      this.#options.telemetry.emit("notifier:connection", { connected: false, error });
      for (let failures = 1; !signal.aborted; failures += 1) {
        await sleep(retryDelay(failures), undefined, { signal }).catch(() => {});
        if (signal.aborted) return;
        try {
          session = await this.#connect();
          this.#options.telemetry.emit("notifier:connection", { connected: true, error: null });
          for (const restored of this.#restored) restored();
          break;
        } catch (failure) {
          this.#options.telemetry.emit("service:error", { service: "notifier", error: failure });
        }
      }
    }
  }

  /** Connects, listens, locks and proves itself. */
  async #connect(): Promise<Session> {
    const client = this.#options.database.client();
    // A terminated connection emits "error" twice and then "end": the first word of either counts.
    const lost = new Promise<unknown>((resolve) => {
      client.on("error", resolve);
      client.on("end", () => resolve(new Error("the connection ended")));
    }).then((error) => {
      if (this.#client === client) this.#client = undefined;
      this.#locked = false;
      return error;
    });
    client.on("notification", ({ channel, payload }) => this.#dispatch(channel, payload ?? ""));
    try {
      await client.connect();
      await client.query(KEEPALIVE);
      const channels = [...this.#handlers.keys()].map((channel) => `listen ${pg.escapeIdentifier(channel)}`);
      await client.query(channels.join("; "));
      if (this.#options.lockKey !== null) {
        await client.query("select pg_advisory_lock($1::bigint)", [this.#options.lockKey]);
      }
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
    if (this.#stopping.signal.aborted) await client.end().catch(() => {});
    this.#client = client;
    await this.#prove();
    this.#locked = this.mode === "notify" && this.#client === client && this.#options.lockKey !== null;
    void this.#watch(client);
    return { lost };
  }

  /** Sends a notification to itself, and sets the mode by whether it arrives. */
  async #prove(): Promise<void> {
    const nonce = randomBytes(12).toString("base64url");
    const arrived = new Promise<true>((resolve) => {
      this.#probe = { nonce, arrived: () => resolve(true) };
    });
    const timeout = sleep(PROBE_TIMEOUT, false, { ref: false, signal: this.#stopping.signal }).catch(() => false);
    const sent = this.notify(this.#options.probeChannel, PROBE + nonce).catch(() => {});
    const heard = await Promise.race([arrived, timeout]);
    await sent;
    this.#probe = undefined;
    if (heard) this.#setMode("notify", "a notification to itself arrived");
    else this.#setMode("polling", `a notification to itself did not arrive within ${PROBE_TIMEOUT} ms`);
  }

  #setMode(mode: NotifierMode, reason: string): void {
    const before = this.#mode;
    if (before === mode || this.#stopping.signal.aborted) return;
    this.#mode = mode;
    if (before === undefined && mode === "notify") return;
    this.#options.telemetry.emit("notifier:mode", { mode, reason });
    if (before !== undefined) for (const restored of this.#restored) restored();
  }

  /** Looks after a silent connection, and after one on which nothing arrives, for as long as it is the one in use. */
  async #watch(client: pg.Client): Promise<void> {
    const { signal } = this.#stopping;
    let probed = performance.now();
    while (this.#client === client && !signal.aborted) {
      await sleep(HEARTBEAT, undefined, { ref: false, signal }).catch(() => {});
      if (this.#client !== client || signal.aborted) return;
      const silence = performance.now() - this.#heard;
      if (silence >= HEARTBEAT && !(await answers(client))) {
        client.emit("error", new Error(`the connection did not answer within ${HEARTBEAT} ms`));
        void client.end().catch(() => {});
        // What swallowed this connection's bytes has most likely swallowed the others'.
        this.#options.database.reset();
        return;
      }
      if (this.#mode === "polling" && performance.now() - probed > REPROBE) {
        probed = performance.now();
        await this.#prove();
      }
    }
  }

  #dispatch(channel: string, payload: string): void {
    this.#heard = performance.now();
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

async function answers(client: pg.Client): Promise<boolean> {
  const answer = client.query("select 1").then(
    () => true,
    () => false,
  );
  return Promise.race([answer, sleep(HEARTBEAT, false, { ref: false })]);
}

import { randomBytes } from "node:crypto";
import pg from "pg";
import { within } from "../deadline.js";
import type { Notifier, NotifierMode } from "../notifier.js";
import type { Telemetry } from "../telemetry.js";
import type { Database } from "./database.js";
import { sqlState } from "./failure.js";
import { Listener } from "./listener.js";

export interface PostgresNotifierOptions {
  readonly database: Database;
  readonly telemetry: Telemetry;
  /** A channel of this host alone, to which it sends probes. */
  readonly probeChannel: string;
  /** Whether awaits are open or jobs run now. */
  readonly busy: () => boolean;
}

/** A probe's payload begins with this; an envelope's never does. */
const PROBE = "P1";
/** ms that a probe has to arrive. */
const PROBE_TIMEOUT = 1_000;
/** ms without a notification until a probe. Long, since it wakes all listeners of the database. */
const PROBE_INTERVAL = 10_000;
/** ms from a lost probe to the next. Doubles with each lost probe, up to PROBE_INTERVAL. */
const FIRST_RETRY = 500;
/** ms that a notification may arrive later than a read of the table. */
const LATE = 250;

const NOTIFY = { name: "baton_notify", text: "select pg_catalog.pg_notify($1, $2)" };
const UNCLOG = { name: "baton_unclog", text: "select pg_catalog.pg_notification_queue_usage()" };

/**
 * The notifier over LISTEN and NOTIFY. It tests whether notifications arrive by probes:
 * notifications to itself, sent over another connection than the one that listens. It probes at
 * start, after each gap, and every 10 s without a notification. When a probe is lost (a pooler in
 * transaction mode, a full queue) its mode becomes `polling`, and it keeps probing.
 */
export class PostgresNotifier implements Notifier {
  readonly #options: PostgresNotifierOptions;
  readonly #listener: Listener;
  readonly #handlers = new Map<string, ((payload: string, sender: number) => void)[]>();
  readonly #restored: (() => void)[] = [];
  #started: Promise<void> | undefined;
  #stopped = false;
  #mode: NotifierMode | undefined;
  #probe: { readonly nonce: string; readonly arrived: () => void } | undefined;
  /** When the last notification arrived. */
  #heardAt = 0;
  /** When the last probe was sent. */
  #probedAt = 0;
  /** ms between two probes in the mode `polling`. */
  #retryInterval = FIRST_RETRY;
  /** When {@link doubt} was first called since the last decision about a doubt; Infinity if not. */
  #doubtedAt = Number.POSITIVE_INFINITY;
  /** When a doubt last led to a probe. Doubts lead to no more probes than silence does. */
  #testedAt = Number.NEGATIVE_INFINITY;

  constructor(options: PostgresNotifierOptions) {
    this.#options = options;
    this.#handlers.set(options.probeChannel, []);
    this.#listener = new Listener({
      ...options,
      channels: () => this.#handlers.keys(),
      onNotification: (channel, payload, sender) => this.#dispatch(channel, payload, sender),
      onOpen: () => this.#probeNow(),
      onReopen: () => this.#reopened(),
      onCheck: () => this.#check(),
    });
  }

  get mode(): NotifierMode {
    return this.#mode ?? "polling";
  }

  start(): Promise<void> {
    this.#started ??= this.#listener.start();
    return this.#started;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#listener.stop();
  }

  async listen(channel: string, handler: (payload: string, sender: number) => void): Promise<void> {
    const handlers = this.#handlers.get(channel);
    if (handlers !== undefined) {
      handlers.push(handler);
      return;
    }
    this.#handlers.set(channel, [handler]);
    await this.#listen(channel);
  }

  async notify(channel: string, payload: string): Promise<void> {
    await this.#options.database.query(NOTIFY, [channel, payload]);
  }

  onRestore(handler: () => void): void {
    this.#restored.push(handler);
  }

  doubt(): void {
    this.#doubtedAt = Math.min(this.#doubtedAt, performance.now());
  }

  /** Ignores a failure: the connection is then lost, and the next one listens on all channels. */
  async #listen(channel: string): Promise<void> {
    await this.#listener.client?.query(`listen ${pg.escapeIdentifier(channel)}`).catch(() => {});
  }

  async #reopened(): Promise<void> {
    const before = this.#mode;
    // A channel may have been added while this connection was opened.
    await Promise.all([...this.#handlers.keys()].map((channel) => this.#listen(channel)));
    await this.#probeNow();
    // A change of mode has called the handlers already.
    if (before === this.#mode) this.#restore();
  }

  async #check(): Promise<void> {
    const now = performance.now();
    const sinceProbe = now - this.#probedAt;
    const silence = Math.min(now - this.#heardAt, sinceProbe);
    const due = this.mode === "notify" ? silence > PROBE_INTERVAL : sinceProbe > this.#retryInterval;
    if ((this.#doubtful(now) || due) && this.#probe === undefined) await this.#probeNow();
  }

  /** Whether a doubt calls for a probe: nothing arrived since, and the last test is long ago. */
  #doubtful(now: number): boolean {
    const late = now - this.#doubtedAt >= LATE;
    const silent = this.#heardAt < this.#doubtedAt;
    const doubtful = late && silent && this.mode === "notify" && now - this.#testedAt > PROBE_INTERVAL;
    if (late) this.#doubtedAt = Number.POSITIVE_INFINITY;
    if (doubtful) this.#testedAt = now;
    return doubtful;
  }

  /** Sends a probe, and sets the mode by whether it arrives. */
  async #probeNow(): Promise<void> {
    const nonce = randomBytes(12).toString("base64url");
    const arrival = new Promise<void>((resolve) => {
      this.#probe = { nonce, arrived: resolve };
    });
    this.#probedAt = performance.now();
    // Not awaited, since it may hang. A failure shows in that the probe does not arrive.
    this.notify(this.#options.probeChannel, PROBE + nonce).catch((error: unknown) => this.#unclog(error));
    const heard = await within(arrival, PROBE_TIMEOUT, { ref: false });
    this.#probe = undefined;
    if (this.#listener.client === undefined) return;
    this.#retryInterval = heard ? FIRST_RETRY : Math.min(2 * this.#retryInterval, PROBE_INTERVAL);
    if (heard) this.#setMode("notify", "a notification to itself arrived");
    else this.#setMode("polling", `a notification to itself did not arrive within ${PROBE_TIMEOUT} ms`);
  }

  /**
   * Clears a full notification queue. PostgreSQL 18 keeps it full after every listener has read it,
   * until a session asks for its usage.
   */
  async #unclog(error: unknown): Promise<void> {
    const { database, telemetry } = this.#options;
    if (sqlState(error) !== "54000") return;
    try {
      await database.query(UNCLOG, []);
    } catch (failure) {
      telemetry.emit("service:error", { service: "notifier", error: failure });
    }
  }

  #setMode(mode: NotifierMode, reason: string): void {
    const before = this.#mode;
    if (before === mode || this.#stopped) return;
    this.#mode = mode;
    if (before === undefined && mode === "notify") return;
    this.#options.telemetry.emit("notifier:mode", { mode, reason });
    if (before !== undefined) this.#restore();
  }

  #restore(): void {
    for (const restored of this.#restored) this.#call(restored);
  }

  #dispatch(channel: string, payload: string, sender: number): void {
    this.#heardAt = performance.now();
    if (payload.startsWith(PROBE) && channel === this.#options.probeChannel) {
      if (payload === PROBE + this.#probe?.nonce) this.#probe?.arrived();
      return;
    }
    for (const handler of this.#handlers.get(channel) ?? []) this.#call(() => handler(payload, sender));
  }

  /** A handler that throws must harm neither the other handlers nor the connection. */
  #call(handler: () => void): void {
    try {
      handler();
    } catch (error) {
      this.#options.telemetry.emit("service:error", { service: "notifier", error });
    }
  }
}

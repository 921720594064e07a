import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Notifier, NotifierMode } from "../notifier.js";
import type { Telemetry } from "../telemetry.js";
import type { Database } from "./database.js";
import { sqlState } from "./failure.js";
import { Listener } from "./listener.js";

export interface PostgresNotifierOptions {
  readonly database: Database;
  readonly telemetry: Telemetry;
  /** A channel of this host's own, to prove on it that notifications arrive. */
  readonly probeChannel: string;
  /** Whether anything hangs on notifications now. */
  readonly busy: () => boolean;
}

/** A probe's payload begins with this; an envelope never does. */
const PROBE = "P1";
/** ms until a notification to oneself must have arrived. */
const PROBE_TIMEOUT = 1_000;
/** ms without a notification after which one is sent to oneself. Each wakes all listeners of the database, so it is seldom. */
const PROVE = 10_000;
/** ms until the first of the tries to have notifications again where they do not arrive; each then waits twice as long, up to PROVE. */
const REPROVE = 500;

/** ms that a notification gets to arrive after the table has shown what it should have brought. */
const LATE = 250;

const NOTIFY = { name: "baton_notify", text: "select pg_catalog.pg_notify($1, $2)" };
const UNCLOG = { name: "baton_unclog", text: "select pg_catalog.pg_notification_queue_usage()" };

/**
 * LISTEN and NOTIFY. Notifications are proven to arrive by one to itself, sent over another connection than the one that
 * listens: at the start, after each gap, and now and again. Where they do not (a pooler in transaction mode, a full queue)
 * its mode is `polling`, and it goes on trying.
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
  /** When a notification arrived last, and when a probe was sent last. */
  #heardAt = 0;
  #provedAt = 0;
  #reprove = REPROVE;
  /** Since when there is a doubt that no notification has dispelled; Infinity for none. */
  #doubtedAt = Number.POSITIVE_INFINITY;
  /** When a doubt was put to the test last. That is done no more often than without doubts, so the traffic stays what it is. */
  #testedAt = Number.NEGATIVE_INFINITY;

  constructor(options: PostgresNotifierOptions) {
    this.#options = options;
    this.#handlers.set(options.probeChannel, []);
    this.#listener = new Listener({
      ...options,
      channels: () => this.#handlers.keys(),
      onNotification: (channel, payload, sender) => this.#dispatch(channel, payload, sender),
      onOpen: (again) => this.#opened(again),
      onLook: () => this.#look(),
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

  /** If this fails the connection is lost, and what brings it back listens to all channels. */
  async #listen(channel: string): Promise<void> {
    await this.#listener.client?.query(`listen ${pg.escapeIdentifier(channel)}`).catch(() => {});
  }

  async #opened(again: boolean): Promise<void> {
    const before = this.#mode;
    // A channel may have come while this connection was opened.
    if (again) await Promise.all([...this.#handlers.keys()].map((channel) => this.#listen(channel)));
    await this.#prove();
    // A change of mode has told of the gap already.
    if (again && before === this.#mode) this.#restore();
  }

  async #look(): Promise<void> {
    const now = performance.now();
    const [silence, sinceProof] = [now - this.#heardAt, now - this.#provedAt];
    const due = this.mode === "notify" ? Math.min(silence, sinceProof) > PROVE : sinceProof > this.#reprove;
    if ((this.#doubtful(now) || due) && this.#probe === undefined) await this.#prove();
  }

  /** Whether notifications seem to vanish though nothing fails. */
  #doubtful(now: number): boolean {
    const late = now - this.#doubtedAt >= LATE;
    const doubtful = late && this.#heardAt < this.#doubtedAt && this.mode === "notify" && now - this.#testedAt > PROVE;
    if (late) this.#doubtedAt = Number.POSITIVE_INFINITY;
    if (doubtful) this.#testedAt = now;
    return doubtful;
  }

  /** Sends a notification to itself, and sets the mode by whether it arrives. */
  async #prove(): Promise<void> {
    const nonce = randomBytes(12).toString("base64url");
    const arrived = new Promise<true>((resolve) => {
      this.#probe = { nonce, arrived: () => resolve(true) };
    });
    const done = new AbortController();
    const timeout = sleep(PROBE_TIMEOUT, false, { ref: false, signal: done.signal }).catch(() => false);
    this.#provedAt = performance.now();
    // Not waited for: it may hang, and that it fails shows as well as that it is not heard.
    this.notify(this.#options.probeChannel, PROBE + nonce).catch((error: unknown) => this.#unclog(error));
    const heard = await Promise.race([arrived, timeout]);
    done.abort();
    this.#probe = undefined;
    if (this.#listener.client === undefined) return;
    this.#reprove = heard ? REPROVE : Math.min(2 * this.#reprove, PROVE);
    if (heard) this.#setMode("notify", "a notification to itself arrived");
    else this.#setMode("polling", `a notification to itself did not arrive within ${PROBE_TIMEOUT} ms`);
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

  /** One that throws must harm neither the others nor the connection. */
  #call(handler: () => void): void {
    try {
      handler();
    } catch (error) {
      this.#options.telemetry.emit("service:error", { service: "notifier", error });
    }
  }
}

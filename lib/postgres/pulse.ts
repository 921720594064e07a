import { setTimeout as sleep } from "node:timers/promises";
import { retryDelay } from "../backoff.js";
import { within } from "../deadline.js";
import type { Telemetry } from "../telemetry.js";
import type { Database } from "./database.js";
import { dial } from "./dial.js";
import { isTimeout, READ_ONLY, sqlState } from "./failure.js";
import { type Heartbeat, PulseSession } from "./pulse-session.js";
import { LIMITS } from "./settings.js";

export interface PulseOptions {
  readonly database: Database;
  readonly telemetry: Telemetry;
  /** The id of this host. */
  readonly host: string;
  /** Takes the host and its lock's key; returns the new `beat`, or no row for an unknown host. */
  readonly heartbeat: Heartbeat;
  /** Called when a heartbeat is answered. */
  readonly onBeat: () => void;
  /** Called when a heartbeat finds no row: others have declared the host lost. */
  readonly onMissing: () => Promise<void>;
}

/** ms between heartbeats. */
const INTERVAL = 2_500;
/** ms from its sending for which an answered heartbeat lets the host start jobs. */
const FRESH = 4_000;
/** ms without an answer after which another connection is opened to race with this one. */
const ANSWER = 1_000;
/** The same behind a pooler, where a statement may wait for a server connection. */
const POOLED_ANSWER = 4_000;
/** ms until a heartbeat that waits for a lock is checked again. */
const BUSY_PAUSE = 4_000;

/**
 * Keeps this host's heartbeat going, over a connection that carries nothing else: heartbeats wait
 * behind no work. The session holds an advisory lock, which others see free within milliseconds of
 * the death of this process. Each connection has a new key, so that a session that lingers on the
 * server neither vouches for its successor nor blocks it.
 */
export class Pulse {
  readonly #options: PulseOptions;
  readonly #stopping = new AbortController();
  /** The upper 48 bits of all keys. The lower 16 count connections, so that keys rise. */
  readonly #keyBase: bigint;
  #connections = 0n;
  #session: PulseSession | undefined;
  #ackedAt = Number.NEGATIVE_INFINITY;
  #beat = 0;
  /** The lock that the last answered heartbeat wrote to the host's row; null for none. */
  #shownKey: string | null = null;
  /** Aborted to cut the pause between heartbeats short. */
  #pause = new AbortController();
  #looping: Promise<void> = Promise.resolve();

  constructor(options: PulseOptions) {
    this.#options = options;
    this.#keyBase = Buffer.from(options.host, "base64url").readBigInt64BE(0) & ~0xffffn;
  }

  /** When the connection came up; null while it is down. */
  get upSince(): number | null {
    return this.#session?.upSince ?? null;
  }

  /** When the last answered heartbeat was sent. */
  get ackedAt(): number {
    return this.#ackedAt;
  }

  /** The number that the last answered heartbeat returned. */
  get beat(): number {
    return this.#beat;
  }

  /** The key of the lock that the session holds; null for none. */
  get lockKey(): string | null {
    return this.#session?.lockKey ?? null;
  }

  /**
   * Whether the host may assume that its jobs are still its own. Others take longer than this lasts
   * to declare it lost: a silent host has its lease, and when the link breaks the server keeps the
   * lock for about as long. But a free lock is judged within half a second, so a host that has
   * shown one is fresh only while its session is up.
   */
  get fresh(): boolean {
    return performance.now() - this.#ackedAt < FRESH && (this.#session !== undefined || this.#shownKey === null);
  }

  /** Connects. Rejects if that fails. The caller registers the host, then calls {@link begin}. */
  async connect(): Promise<void> {
    this.#adopt(await this.#dial(this.#stopping.signal));
  }

  /** Starts the heartbeats. The registration, sent at this time, counts as the first. */
  begin(sentAt: number, beat: number): void {
    this.#acked(sentAt, beat, this.lockKey);
    this.#looping = this.#loop();
  }

  /** Records that the host has registered again. */
  renew(sentAt: number, beat: number): void {
    this.#acked(sentAt, beat, this.lockKey);
  }

  /** Cuts the pause before the next heartbeat short. */
  beatNow(): void {
    this.#pause.abort();
    this.#pause = new AbortController();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.beatNow();
    const session = this.#session;
    this.#session = undefined;
    if (session !== undefined) await session.close();
    await this.#looping;
  }

  async #loop(): Promise<void> {
    const { signal } = this.#stopping;
    let failures = 0;
    while (!signal.aborted) {
      const pause = failures === 0 ? INTERVAL : retryDelay(failures);
      await sleep(pause, undefined, { signal: this.#pause.signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        await this.#round();
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        this.#options.telemetry.emit("service:error", { service: "pulse", error });
      }
    }
  }

  /** Resolves once a heartbeat is answered, on whichever connection. */
  async #round(): Promise<void> {
    if (this.#session?.client.outdated === true) this.#drop(this.#session);
    for (let session = this.#session ?? (await this.#connect()); ; ) {
      const beating = this.#send(session);
      if (await within(beating, session.pooled ? POOLED_ANSWER : ANSWER, { ref: false })) return;
      const successor = await this.#successorOf(session, beating);
      if (successor === null) return;
      session = this.#adopt(successor);
    }
  }

  async #connect(): Promise<PulseSession> {
    try {
      return this.#adopt(await this.#dial(this.#stopping.signal));
    } catch (error) {
      // The server refuses new connections: it may be full, or the password may have changed. The
      // pool's connections still work.
      if (sqlState(error) !== null) await within(this.#borrow(), ANSWER, { ref: false });
      throw error;
    }
  }

  /**
   * Replaces a session whose heartbeat is late. Returns null if the heartbeat is answered first,
   * and rejects if it fails. A heartbeat that the server is executing waits for a lock, and would
   * wait on any connection. Every step has a time limit, since faults come together.
   */
  async #successorOf(session: PulseSession, beating: Promise<void>): Promise<PulseSession | null> {
    const over = new AbortController();
    const answered = beating.then(() => null).finally(() => over.abort());
    const signal = AbortSignal.any([over.signal, this.#stopping.signal]);
    for (let failures = 1; ; failures += 1) {
      const rival = await Promise.race([answered, this.#dial(signal).catch(() => undefined)]);
      if (rival === null) return null;
      const activity = (await rival?.activityOf(session)) ?? "unknown";
      if (rival !== undefined && activity === "idle") return rival;
      void rival?.close();
      const pause = activity === "executing" ? BUSY_PAUSE : retryDelay(failures);
      if (await within(answered, pause, { ref: false })) return null;
    }
  }

  /** Sends a heartbeat over the pool. Without a lock, others judge this host by its beat alone. */
  async #borrow(): Promise<void> {
    const { host, heartbeat, database } = this.#options;
    const sentAt = performance.now();
    const [row] = await database.query<{ beat: number }>(heartbeat, heartbeat.values(host, null));
    if (this.#stopping.signal.aborted || this.#session !== undefined) return;
    await this.#answered(sentAt, row?.beat, null);
  }

  async #send(session: PulseSession): Promise<void> {
    const { host, heartbeat } = this.#options;
    const sentAt = performance.now();
    try {
      const beat = await session.beat(heartbeat, host);
      if (this.#session === session) await this.#answered(sentAt, beat, session.lockKey);
    } catch (error) {
      if (sqlState(error) === READ_ONLY) session.client.leave();
      if (this.#session === session && !isTimeout(error)) this.#drop(session);
      throw error;
    }
  }

  async #answered(sentAt: number, beat: number | undefined, shownKey: string | null): Promise<void> {
    if (beat === undefined) await this.#options.onMissing();
    else this.#acked(sentAt, beat, shownKey);
  }

  #acked(sentAt: number, beat: number, shownKey: string | null): void {
    this.#ackedAt = sentAt;
    this.#shownKey = shownKey;
    this.#beat = beat;
    this.#options.onBeat();
  }

  /** Uses a session from now on, until it is lost. */
  #adopt(session: PulseSession): PulseSession {
    if (this.#stopping.signal.aborted) {
      void session.close();
      throw this.#stopping.signal.reason;
    }
    const former = this.#session;
    this.#session = session;
    void former?.close();
    session.onLost(() => {
      if (this.#session !== session) return;
      this.#drop(session);
      this.beatNow();
    });
    return session;
  }

  #drop(session: PulseSession): void {
    if (this.#session === session) this.#session = undefined;
    void session.close();
  }

  #dial(signal: AbortSignal): Promise<PulseSession> {
    const make = () => this.#options.database.client({}, LIMITS.heartbeat);
    return dial({ make, prepare: (client) => PulseSession.open(client, () => this.#nextKey()) }, signal);
  }

  #nextKey(): string {
    this.#connections += 1n;
    return BigInt.asIntN(64, this.#keyBase | (this.#connections & 0xffffn)).toString();
  }
}

import { setTimeout as sleep } from "node:timers/promises";
import type { Telemetry } from "../telemetry.js";
import type { ServerClient } from "./client.js";
import type { Database, Statement } from "./database.js";
import { dial } from "./dial.js";
import { isTimeout, READ_ONLY, retryDelay, sqlState } from "./failure.js";
import { LIMITS } from "./settings.js";
import { closeClient } from "./sockets.js";

export interface PulseOptions {
  readonly database: Database;
  readonly telemetry: Telemetry;
  /** The host that lives. */
  readonly host: string;
  /** It takes the host and its lock's key, and returns `beat`, or no row. */
  readonly heartbeat: Statement;
  /** A heartbeat was answered. */
  readonly onBeat: () => void;
  /** A heartbeat found no row: the host was declared lost. */
  readonly onMissing: () => Promise<void>;
}

/** The connection in use. */
interface Line {
  readonly client: ServerClient;
  readonly upSince: number;
  /** The server's process behind it; null where a pooler stands between. */
  readonly pid: number | null;
  /** The advisory lock that its session holds; null where the session is not ours. */
  readonly lockKey: string | null;
}

/** ms between heartbeats. */
const INTERVAL = 2_500;
/** ms for which a heartbeat that was answered counts, from its sending: a host starts jobs only meanwhile. */
const FRESH = 4_000;
/** ms without an answer after which another connection is opened to see which is first; behind a pooler later. */
const ANSWER = 1_000;
const POOLED_ANSWER = 4_000;
/**
 * The server ends the session of a machine that vanished within about four seconds, and its lock with it. Refusals do not matter:
 * some settings are not known before PostgreSQL 14, or not on every system.
 */
const SETTINGS = [
  "synchronous_commit = off",
  "tcp_keepalives_idle = 2",
  "tcp_keepalives_interval = 1",
  "tcp_keepalives_count = 3",
  "tcp_user_timeout = 4000",
  "client_connection_check_interval = 2000",
];

const AT_WORK = "select from pg_catalog.pg_stat_get_activity(null) where pid = $1 and state = 'active'";

/**
 * The connection that shows that this host lives, and carries nothing else: heartbeats queue behind no work. Its session holds an
 * advisory lock, which others see free within milliseconds of this process's death. The key is new with each connection, so that
 * a session that lingers on the server neither vouches for its successor nor blocks it.
 */
export class Pulse {
  readonly #options: PulseOptions;
  readonly #stopping = new AbortController();
  /** The upper 48 bits of the lock's keys; the lower 16 count connections, so that later keys are greater. */
  readonly #base: bigint;
  #connections = 0n;
  #line: Line | undefined;
  #ackedAt = Number.NEGATIVE_INFINITY;
  /** The lock that the last heartbeat which was answered has shown to others; null for none. */
  #shown: string | null = null;
  #beat = 0;
  #hurry = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(options: PulseOptions) {
    this.#options = options;
    this.#base = Buffer.from(options.host, "base64url").readBigInt64BE(0) & ~0xffffn;
  }

  /** Since when the connection is up; null while it is not. */
  get upSince(): number | null {
    return this.#line?.upSince ?? null;
  }

  /** When the last heartbeat that was answered had been sent, and the beat that came back. */
  get ackedAt(): number {
    return this.#ackedAt;
  }

  get beat(): number {
    return this.#beat;
  }

  get lockKey(): string | null {
    return this.#line?.lockKey ?? null;
  }

  /**
   * Whether the host may still believe that its jobs are its own. A verdict over it takes longer than this lasts: silence takes the
   * lease, and where its link is down, the server keeps its lock for about as long. Where others see a lock that may be free by
   * now, it takes half a second.
   */
  get fresh(): boolean {
    return performance.now() - this.#ackedAt < FRESH && (this.#line !== undefined || this.#shown === null);
  }

  /** Connects. Rejects where that fails. Heartbeats begin with {@link begin}. */
  async connect(): Promise<void> {
    this.#adopt(await this.#dial(this.#stopping.signal));
  }

  /** The host is registered, which counts as its first heartbeat: beats from here on. */
  begin(sentAt: number, beat: number): void {
    this.#acked(sentAt, beat, this.lockKey);
    this.#loop = this.#run();
  }

  /** The registration was made anew. */
  renew(sentAt: number, beat: number): void {
    this.#acked(sentAt, beat, this.lockKey);
  }

  /** Beats now. */
  beatNow(): void {
    this.#hurry.abort();
    this.#hurry = new AbortController();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.beatNow();
    const line = this.#line;
    this.#line = undefined;
    if (line !== undefined) await closeClient(line.client);
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let failures = 0;
    while (!signal.aborted) {
      const pause = failures === 0 ? INTERVAL : retryDelay(failures);
      await sleep(pause, undefined, { signal: this.#hurry.signal }).catch(() => {});
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

  /** Resolves once a heartbeat is answered, over whichever connection that takes. */
  async #round(): Promise<void> {
    if (this.#line?.client.outdated === true) this.#drop(this.#line);
    for (let line = this.#line ?? (await this.#connect()); ; ) {
      const beating = this.#send(line);
      const late = sleep(line.pid === null ? POOLED_ANSWER : ANSWER, "late" as const, { ref: false });
      if ((await Promise.race([beating, late])) !== "late") return;
      const successor = await this.#successorOf(line, beating);
      if (successor === null) return;
      line = this.#adopt(successor);
    }
  }

  async #connect(): Promise<Line> {
    try {
      return this.#adopt(await this.#dial(this.#stopping.signal));
    } catch (error) {
      // The server refuses: it may have no room, or another password by now. It has connections of ours that work.
      if (sqlState(error) !== null) await this.#borrow();
      throw error;
    }
  }

  /**
   * Another connection, once there is one and the server is not at work on the heartbeat; null if that is answered first. Rejects
   * if it fails. Every step has its limit: a fault seldom comes alone.
   */
  async #successorOf({ pid }: Line, beating: Promise<void>): Promise<Line | null> {
    const over = new AbortController();
    const answered = beating.then(() => null).finally(() => over.abort());
    const signal = AbortSignal.any([over.signal, this.#stopping.signal]);
    for (let failures = 1; ; failures += 1) {
      const rival = await Promise.race([answered, this.#dial(signal).catch(() => undefined)]);
      if (rival === null) return null;
      // One that waits for a lock would wait on any connection.
      const busy = rival !== undefined && pid !== null ? await isAtWork(rival.client, pid) : false;
      if (rival !== undefined && busy === false) return rival;
      if (rival !== undefined) void closeClient(rival.client);
      const pause = sleep(busy ? POOLED_ANSWER : retryDelay(failures), undefined, { ref: false });
      if ((await Promise.race([answered, pause])) === null) return null;
    }
  }

  /**
   * Shows life over the pool, for as long as no connection of the pulse's own can be had: without a lock, so that others judge
   * this host by its beat alone.
   */
  async #borrow(): Promise<void> {
    await Promise.race([this.#sendBorrowed(), sleep(ANSWER, undefined, { ref: false })]);
  }

  async #sendBorrowed(): Promise<void> {
    const { host, heartbeat, onMissing, database } = this.#options;
    const sentAt = performance.now();
    const [row] = await database.query<{ beat: number }>(heartbeat, [host, null]);
    if (this.#stopping.signal.aborted || this.#line !== undefined) return;
    if (row === undefined) await onMissing();
    else this.#acked(sentAt, row.beat, null);
  }

  async #send(line: Line): Promise<void> {
    const { host, heartbeat, onMissing } = this.#options;
    const sentAt = performance.now();
    try {
      const { rows } = await line.client.query<{ beat: number }>(heartbeat.text, [host, line.lockKey]);
      if (this.#line !== line) return;
      const [row] = rows;
      if (row === undefined) await onMissing();
      else this.#acked(sentAt, row.beat, line.lockKey);
    } catch (error) {
      if (sqlState(error) === READ_ONLY) line.client.leave();
      if (this.#line === line && !isTimeout(error)) this.#drop(line);
      throw error;
    }
  }

  #acked(sentAt: number, beat: number, shown: string | null): void {
    this.#ackedAt = sentAt;
    this.#shown = shown;
    this.#beat = beat;
    this.#options.onBeat();
  }

  /** Uses a connection from now on, until it is lost. */
  #adopt(line: Line): Line {
    const { client } = line;
    if (this.#stopping.signal.aborted) {
      void closeClient(client);
      throw this.#stopping.signal.reason;
    }
    const former = this.#line;
    this.#line = line;
    if (former !== undefined) void closeClient(former.client);
    const lost = (): void => {
      if (this.#line !== line) return;
      this.#drop(line);
      this.beatNow();
    };
    client.on("error", lost);
    client.on("end", lost);
    return line;
  }

  #drop(line: Line): void {
    if (this.#line === line) this.#line = undefined;
    void closeClient(line.client);
  }

  #dial(signal: AbortSignal): Promise<Line> {
    const make = (): ServerClient => this.#options.database.client({}, LIMITS.heartbeat);
    return dial({ make, prepare: (client) => this.#prepare(client) }, signal);
  }

  async #prepare(client: ServerClient): Promise<Line> {
    await client.connect();
    // A pooler's session serves others too: it is not ours to set, or to lock with.
    if (!client.own) return { client, upSince: performance.now(), pid: null, lockKey: null };
    for (const setting of SETTINGS) await client.query(`set ${setting}`).catch(refused);
    this.#connections += 1n;
    const lockKey = BigInt.asIntN(64, this.#base | (this.#connections & 0xffffn)).toString();
    await client.query("select pg_catalog.pg_advisory_lock($1::bigint)", [lockKey]);
    return { client, upSince: performance.now(), pid: client.pid, lockKey };
  }
}

/** Whether the server is at work on what its process was sent; undefined where this connection does not say. */
async function isAtWork(client: ServerClient, pid: number): Promise<boolean | undefined> {
  const asking = { text: AT_WORK, values: [pid], query_timeout: ANSWER };
  return client.query(asking).then(
    ({ rowCount }) => rowCount === 1,
    () => undefined,
  );
}

/** A setting that the server does not know or allow is done without. A connection that is lost is no refusal. */
function refused(error: unknown): void {
  if (sqlState(error) === null) throw error;
}

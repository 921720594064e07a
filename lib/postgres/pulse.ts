import { setTimeout as sleep } from "node:timers/promises";
import type { Telemetry } from "../telemetry.js";
import type { ServerClient } from "./client.js";
import type { Database } from "./database.js";
import { dial } from "./dial.js";
import { isTimeout, READ_ONLY, retryDelay, sqlState } from "./failure.js";
import { LIMITS } from "./settings.js";
import { closeClient } from "./sockets.js";

export interface PulseOptions {
  readonly database: Database;
  readonly telemetry: Telemetry;
  /** The host that lives. */
  readonly host: string;
  /** A statement that takes the host and its lock's key, and returns `beat`, or no row. */
  readonly heartbeat: string;
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
   * lease, and where its link is down, the server keeps its lock for about as long.
   */
  get fresh(): boolean {
    return performance.now() - this.#ackedAt < FRESH && this.#line !== undefined;
  }

  /** Connects. Rejects where that fails. Heartbeats begin with {@link begin}. */
  async connect(): Promise<void> {
    this.#line = await this.#dial();
  }

  /** The host is registered, which counts as its first heartbeat: beats from here on. */
  begin(sentAt: number, beat: number): void {
    this.#acked(sentAt, beat);
    this.#loop = this.#run();
  }

  /** The registration was made anew. */
  renew(sentAt: number, beat: number): void {
    this.#acked(sentAt, beat);
  }

  /** Beats now. */
  hurry(): void {
    this.#hurry.abort();
    this.#hurry = new AbortController();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.hurry();
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

  async #round(): Promise<void> {
    if (this.#line?.client.outdated === true) this.#drop(this.#line);
    this.#line ??= await this.#dial();
    const line = this.#line;
    const beating = this.#send(line);
    const late = sleep(line.pid === null ? POOLED_ANSWER : ANSWER, "late" as const, { ref: false });
    if ((await Promise.race([beating, late])) !== "late") return;
    const successor = await this.#successorOf(line, beating);
    if (successor === null) return;
    this.#adopt(successor);
    await this.#send(successor);
  }

  /** Another connection, if it is through before the heartbeat is answered, and the server is not at work on that. */
  async #successorOf({ pid }: Line, beating: Promise<void>): Promise<Line | null> {
    const dialling = this.#dial();
    const answered = beating.then(() => null);
    const rival = await Promise.race([dialling, answered.catch(() => dialling)]).catch(() => null);
    if (rival === null) {
      dialling.then(({ client }) => closeClient(client)).catch(() => {});
      return answered;
    }
    // One that waits for a lock would wait on any connection.
    const busy = pid !== null && (await rival.client.query(AT_WORK, [pid])).rowCount === 1;
    if (!busy) return rival;
    void closeClient(rival.client);
    return answered;
  }

  async #send(line: Line): Promise<void> {
    const { host, heartbeat, onMissing } = this.#options;
    const sentAt = performance.now();
    try {
      const { rows } = await line.client.query<{ beat: number }>(heartbeat, [host, line.lockKey]);
      if (this.#line !== line) return;
      const [row] = rows;
      if (row === undefined) await onMissing();
      else this.#acked(sentAt, row.beat);
    } catch (error) {
      if (sqlState(error) === READ_ONLY) line.client.leave();
      if (this.#line === line && !isTimeout(error)) this.#drop(line);
      throw error;
    }
  }

  #acked(sentAt: number, beat: number): void {
    this.#ackedAt = sentAt;
    this.#beat = beat;
    this.#options.onBeat();
  }

  #adopt(line: Line): void {
    const former = this.#line;
    this.#line = line;
    if (former !== undefined) void closeClient(former.client);
  }

  #drop(line: Line): void {
    if (this.#line === line) this.#line = undefined;
    void closeClient(line.client);
  }

  async #dial(): Promise<Line> {
    const lines = new Map<ServerClient, Line>();
    const client = await dial(async () => {
      const line = await this.#open();
      lines.set(line.client, line);
      return line.client;
    }, this.#stopping.signal);
    const line = lines.get(client) as Line;
    const lost = (): void => {
      if (this.#line !== line) return;
      this.#drop(line);
      this.hurry();
    };
    client.on("error", lost);
    client.on("end", lost);
    return line;
  }

  async #open(): Promise<Line> {
    const client = this.#options.database.client({}, LIMITS.heartbeat);
    try {
      await client.connect();
      // A pooler's session serves others too: it is not ours to set, or to lock with.
      if (!client.own) return { client, upSince: performance.now(), pid: null, lockKey: null };
      for (const setting of SETTINGS) await client.query(`set ${setting}`).catch(refused);
      this.#connections += 1n;
      const lockKey = BigInt.asIntN(64, this.#base | (this.#connections & 0xffffn)).toString();
      await client.query("select pg_catalog.pg_advisory_lock($1::bigint)", [lockKey]);
      return { client, upSince: performance.now(), pid: client.pid, lockKey };
    } catch (error) {
      void closeClient(client);
      throw error;
    }
  }
}

/** A setting that the server does not know or allow is done without. A connection that is lost is no refusal. */
function refused(error: unknown): void {
  if (sqlState(error) === null) throw error;
}

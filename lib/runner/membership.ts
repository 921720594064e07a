import { setTimeout as sleep } from "node:timers/promises";
import type { Registration } from "../engine/hosts.js";
import type { Database } from "../postgres/database.js";
import type { Engine } from "../engine/engine.js";
import { Pulse } from "../postgres/pulse.js";
import type { Telemetry } from "../telemetry.js";
import type { OwnPulse } from "./judge.js";

export interface MembershipOptions extends Omit<Registration, "lockKey"> {
  readonly database: Database;
  readonly engine: Engine;
  readonly telemetry: Telemetry;
  /** Called when other hosts have declared this one lost: its jobs are no longer its own. */
  readonly onLost: () => void;
  /** Called when the host may start jobs again, after a time without acknowledged heartbeats. */
  readonly onCapacity: () => void;
}

/**
 * The membership of this host: its registration and its heartbeat. While heartbeats are
 * acknowledged, the host may assume that the jobs it holds are its own. Otherwise it
 * starts none; running jobs go on.
 */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #pulse: Pulse;
  /** False once {@link fresh} was false; true again with the next acknowledged heartbeat. */
  #wasFresh = true;
  /** Called at the next acknowledged heartbeat, or when the host leaves. */
  readonly #onBeat: (() => void)[] = [];
  readonly #leaving = new AbortController();
  /** Settles when the last registration has. Never rejects. */
  #registering: Promise<unknown> = Promise.resolve();
  /** How often this host was declared lost. */
  #losses = 0;

  constructor(options: MembershipOptions) {
    this.#options = options;
    const { database, engine, telemetry } = options;
    this.#pulse = new Pulse({
      database,
      telemetry,
      host: engine.host,
      heartbeat: engine.heartbeat,
      onBeat: () => this.#beaten(),
      onMissing: () => this.#lost(),
    });
  }

  /** Whether this host may start jobs. */
  get fresh(): boolean {
    const { fresh } = this.#pulse;
    if (!fresh) this.#wasFresh = false;
    return fresh;
  }

  get pulse(): OwnPulse {
    const { upSince, ackedAt, beat } = this.#pulse;
    return { host: this.#options.engine.host, upSince, ackedAt, beat };
  }

  /** Registers the host. It may not claim before this resolves. */
  async start(): Promise<void> {
    await this.#pulse.connect();
    const sentAt = performance.now();
    this.#pulse.begin(sentAt, await this.#register());
  }

  /** Sends a heartbeat now. */
  beatNow(): void {
    this.#pulse.beatNow();
  }

  /**
   * Resolves to true once a heartbeat is acknowledged that was sent `ms` from now or later: the
   * host has then outlived this time. Resolves to false if it is declared lost or leaves before.
   */
  async survives(ms: number): Promise<boolean> {
    const losses = this.#losses;
    const { signal } = this.#leaving;
    const lives = (): boolean => !signal.aborted && this.#losses === losses;
    await sleep(ms, undefined, { ref: false, signal }).catch(() => {});
    const since = performance.now();
    this.#pulse.beatNow();
    while (lives() && this.#pulse.ackedAt < since) await new Promise<void>((resolve) => this.#onBeat.push(resolve));
    return lives();
  }

  /** Announces that the host leaves: {@link survives} resolves to false. Heartbeats go on. */
  resign(): void {
    this.#leaving.abort();
    this.#settle();
  }

  /** Ends the heartbeat. */
  stop(): Promise<void> {
    this.resign();
    return this.#pulse.stop();
  }

  /** Unregisters the host. Waits for a registration under way, which would undo that. */
  async leave(): Promise<void> {
    this.resign();
    await this.#registering;
    await this.#options.engine.unregister();
  }

  #register(): Promise<number> {
    const { engine, name, queues, workers, version } = this.#options;
    const registering = engine.register({ name, queues, workers, version, lockKey: this.#pulse.lockKey });
    this.#registering = registering.catch(() => {});
    return registering;
  }

  #beaten(): void {
    this.#settle();
    if (this.#wasFresh) return;
    this.#wasFresh = true;
    this.#options.onCapacity();
  }

  #settle(): void {
    for (const resolve of this.#onBeat.splice(0)) resolve();
  }

  async #lost(): Promise<void> {
    const { engine, telemetry, onLost } = this.#options;
    this.#losses += 1;
    onLost();
    telemetry.emit("host:lost", { host: engine.host });
    const { signal } = this.#leaving;
    if (signal.aborted) return;
    const sentAt = performance.now();
    // A host that leaves does not wait for its registration.
    const leaving = new Promise<null>((resolve) =>
      signal.addEventListener("abort", () => resolve(null), { once: true }),
    );
    const beat = await Promise.race([this.#register(), leaving]);
    if (beat !== null) this.#pulse.renew(sentAt, beat);
  }
}

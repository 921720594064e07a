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
  /** Others declared this host lost: what it runs is theirs now. */
  readonly onLost: () => void;
  /** The host may start jobs again, after a time in which it could not know whether they were still its own. */
  readonly onFresh: () => void;
}

/**
 * This host among the others: registered, and alive in their eyes. While its heartbeats are answered it may believe that what it
 * holds is its own. While they are not, it starts nothing; what runs goes on.
 */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #pulse: Pulse;
  /** Whether the heartbeat before the last one still counted when it was answered. */
  #wasFresh = true;
  /** Resolved at the next heartbeat that is answered. */
  readonly #onBeat: (() => void)[] = [];
  readonly #leaving = new AbortController();
  /** The registration under way, if any; what it comes to is told elsewhere. */
  #registering: Promise<unknown> = Promise.resolve();
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

  /** Registers the host. Only after this it may claim. */
  async start(): Promise<void> {
    await this.#pulse.connect();
    const sentAt = performance.now();
    this.#pulse.begin(sentAt, await this.#register());
  }

  /** Shows life now: there was a gap. */
  beatNow(): void {
    this.#pulse.beatNow();
  }

  /**
   * Whether this host is known to be alive `ms` from now: a heartbeat that it sends after that is answered. False where it is lost
   * or leaves meanwhile.
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

  /** This host is about to leave: from here on it cannot say that it {@link survives}. It beats until {@link stop}. */
  resign(): void {
    this.#leaving.abort();
    this.#settle();
  }

  /** Beats no more. */
  stop(): Promise<void> {
    this.resign();
    return this.#pulse.stop();
  }

  /** Takes the host off the list, once it holds no jobs any more. A registration under way must not put it there again. */
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
    this.#options.onFresh();
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
    // A host that leaves waits for no registration.
    const leaving = new Promise<null>((resolve) =>
      signal.addEventListener("abort", () => resolve(null), { once: true }),
    );
    const beat = await Promise.race([this.#register(), leaving]);
    if (beat !== null) this.#pulse.renew(sentAt, beat);
  }
}

import type { ClaimResult } from "../engine/claim.js";
import type { ClaimedJob } from "../job/job.js";
import { type Call, writeCall } from "./call.js";
import { calledBy, rankOf } from "./rank.js";

export interface TurnsOptions {
  readonly queue: string;
  /** The id of this host. */
  readonly host: string;
  /** The ids of the live hosts that run the same jobs, this one included; null while unknown. */
  readonly peers: () => readonly string[] | null;
  /** Sends a call to the other hosts. */
  readonly send: (payload: string) => void;
}

/** The wave of a leaving host's call. It calls 2^16 hosts, and no host passes it on. */
const LAST_WAVE = 16;
/** ms between two calls that a host passes on. Under load there are many calls and no idle host. */
const PAUSE = 20;
/** ms for which the other hosts skip a host that has passed a call on. */
const BUSY = 600;
/**
 * ms after passing a call on for which a host without room passes on no other. Shorter than `BUSY`:
 * hosts that hear a call meanwhile skip this one, so no call depends on it.
 */
const PASSED = 400;
/** ms for which the other hosts skip a host that has left, until their looks no longer show it. */
const LEFT = 3_000;
/** ms for which a host claims at every call, after another host has overlooked a job. */
const DISTRUST = 5_000;
/** ms after which a job in the table counts as overlooked, if this host was idle meanwhile. */
const OVERLOOKED = 300;

/**
 * Decides which host claims at a call, so that n idle hosts do not make n claims for one job.
 * One instance per queue and host.
 *
 * Every host ranks all hosts for each call. The first in rank claims; the others leave the job to
 * it. A host that has no room, or that leaves jobs behind, passes the call on, and the other hosts
 * skip it for a while. A host never skips itself, so one of three things holds for every call: a
 * host claims, a host passes the call on, or all hosts have just passed one on because they have no
 * room, and claim once they have.
 *
 * A call that is lost, or that meets a frozen host, leaves its job in the table. Another host finds
 * it at its next look, and then claims at every call for a while.
 */
export class Turns {
  readonly #options: TurnsOptions;
  /**
   * Until when each other host is skipped, by `performance.now()`. Hosts that have left stay in
   * the map: they are few.
   */
  readonly #busyUntil = new Map<string, number>();
  /** The call for which this host has yet to claim, or which it has yet to pass on. */
  #call: Call | null = null;
  /** When this host last passed a call on. */
  #passedAt = Number.NEGATIVE_INFINITY;
  /** When the last call came that `#timer` will pass on. */
  #owedAt = Number.NEGATIVE_INFINITY;
  /** Set while a call waits to be passed on. */
  #timer: NodeJS.Timeout | undefined;
  #distrustUntil = Number.NEGATIVE_INFINITY;
  /** When a job last began or ended on this host. */
  #activeAt = Number.NEGATIVE_INFINITY;
  /** When a look found jobs although this host was idle; null once a claim has followed. */
  #foundAt: number | null = null;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Notes a call. Returns whether it is this host's turn to claim. */
  hear(call: Call): boolean {
    const { host, peers: list } = this.#options;
    const [peers, now] = [list(), performance.now()];
    if (peers === null) return true;
    const { from, sender, wave } = call;
    if (from !== null && peers.includes(from)) this.#busyUntil.set(from, now + (wave === LAST_WAVE ? LEFT : BUSY));
    const rank = rankOf(host, this.#idle(peers), sender);
    // Of the hosts that a wave calls, only the first passes the call on.
    if (rank === 0) this.#call = call;
    return rank < calledBy(wave) || now < this.#distrustUntil;
  }

  /** Returns and forgets the call for which this host has yet to claim, if any. */
  takeCall(): Call | null {
    const call = this.#call;
    this.#call = null;
    return call;
  }

  /**
   * Passes the call on, because this host has no room, unless other hosts skip this one already.
   * Returns false if there is no such call, or no other host.
   */
  decline(): boolean {
    const call = this.takeCall();
    if (call === null || this.#others().length === 0) return false;
    return performance.now() - this.#passedAt < PASSED || this.#passOn(call);
  }

  /**
   * Passes a call on whose claim has left jobs behind, if a host may be idle. Busy hosts
   * claim again by themselves.
   */
  share(call: Call | null): void {
    if (call !== null && this.#idle(this.#others()).length > 0) this.#passOn(call);
  }

  /** Notes that a job begins or ends on this host. */
  active(): void {
    this.#activeAt = performance.now();
  }

  /** Notes that a look found jobs in the table while this host ran some, as expected. */
  foundWhileBusy(): void {
    this.#foundAt = null;
  }

  /** Notes that a look found jobs in the table while this host ran none. */
  foundWhileIdle(): void {
    const now = performance.now();
    this.#foundAt = now - this.#activeAt > OVERLOOKED ? now : null;
  }

  /**
   * Notes the result of a claim sent at `sentAt`. If one of its jobs had waited although this host
   * was idle, the host whose turn it was has overlooked it.
   */
  claimed({ jobs, more }: ClaimResult, sentAt: number): void {
    // The claim was sent after the last of these calls and has emptied the queue.
    if (!more && this.#owedAt < sentAt) this.stop();
    if (this.#foundAt !== null && jobs.some(overlooked)) this.#distrustUntil = performance.now() + DISTRUST;
    this.#foundAt = null;
  }

  /** Calls all other hosts, which skip this one until they see that it is gone. */
  leave(): void {
    this.stop();
    const { host, queue } = this.#options;
    if (this.#others().length > 0) this.#send({ queue, sender: 0, wave: LAST_WAVE, from: host });
  }

  /** Drops the call that waits to be passed on, if any. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #passOn(call: Call): boolean {
    if (call.wave >= LAST_WAVE) return false;
    const next = { ...call, wave: call.wave + 1, from: this.#options.host };
    this.#owedAt = performance.now();
    // One call stands for all within the pause: a host that hears it claims all there is.
    this.#timer ??= setTimeout(() => this.#send(next), Math.max(0, this.#passedAt + PAUSE - performance.now()));
    return true;
  }

  #send(call: Call): void {
    this.#timer = undefined;
    this.#passedAt = performance.now();
    this.#options.send(writeCall(call));
  }

  #others(): readonly string[] {
    return (this.#options.peers() ?? []).filter((peer) => peer !== this.#options.host);
  }

  /** The hosts that are not known to be busy. This host always counts as idle. */
  #idle(peers: readonly string[]): readonly string[] {
    if (this.#busyUntil.size === 0) return peers;
    const now = performance.now();
    return peers.filter((peer) => peer === this.#options.host || (this.#busyUntil.get(peer) ?? 0) < now);
  }
}

/** Whether a job had waited for long when it was claimed, by the database's clock. */
function overlooked({ attemptedAt, insertedAt, scheduledAt }: ClaimedJob): boolean {
  return attemptedAt - Math.max(insertedAt, scheduledAt) > OVERLOOKED;
}

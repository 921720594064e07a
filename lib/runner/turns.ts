import type { ClaimedJob } from "../job/job.js";
import type { ClaimResult } from "../engine/claim.js";

/**
 * Who claims when a notification says that there are jobs, so that n idle hosts do not make n
 * claims for one job.
 */

/** A notification of new jobs, or one that a host has passed on to others. */
export interface Call {
  readonly queue: string;
  /**
   * The server process that inserted the jobs. It decides the order of the hosts, and is the same
   * for all of them.
   */
  readonly sender: number;
  /** How often the call was passed on. It calls one host at first, then 2, 4, 8 … */
  readonly wave: number;
  /** The host that passed it on, as it had no room or left jobs behind; null where none has. */
  readonly from: string | null;
}

export interface TurnsOptions {
  readonly queue: string;
  /** The id of this host. */
  readonly host: string;
  /**
   * The ids of the live hosts that run the same jobs, this one included; null while they are not
   * known.
   */
  readonly peers: () => readonly string[] | null;
  /** Sends a call to the other hosts. */
  readonly send: (payload: string) => void;
}

/** Nobody passes on this wave. It calls 2^16 hosts: a host that leaves sends it. */
const LAST_WAVE = 16;
/**
 * ms between two calls that a host passes on: under load calls are many, and every host has work.
 */
const PAUSE = 20;
/**
 * ms that others pass over a host which passed a call on, and that it passes no further call on for
 * want of room. The first is longer, so that no call is left to a host which leaves it to others.
 */
const BUSY = 600;
const PASSED = 400;
/** ms that others pass over a host which has left, until their looks no longer show it. */
const LEFT = 3_000;
/**
 * ms that a host claims at every call, after it found a job that the host whose turn it was did not
 * take.
 */
const DISTRUST = 5_000;
/**
 * ms that a job waits in the table before a host that was idle meanwhile takes it for overlooked.
 */
const OVERLOOKED = 300;

/** Reads a notification: a bare queue, as an insert sends it, or a call that was passed on. */
export function readCall(payload: string, sender: number): Call {
  const [, queue, first, wave, from] = /^(.*)\n(\d{1,10})\n(\d{1,2})\n(.*)$/s.exec(payload) ?? [];
  if (queue === undefined || from === undefined) return { queue: payload, sender, wave: 0, from: null };
  return { queue, sender: Number(first), wave: Number(wave), from };
}

export function writeCall({ queue, sender, wave, from }: Call): string {
  return `${queue}\n${sender}\n${wave}\n${from ?? ""}`;
}

/**
 * The place of a host among others, from 0, for calls of this sender. Each host comes to the same
 * order. Pure.
 */
export function rankOf(host: string, peers: readonly string[], sender: number): number {
  const own = weight(host, sender);
  return peers.reduce((rank, peer) => {
    const other = weight(peer, sender);
    return other < own || (other === own && peer < host) ? rank + 1 : rank;
  }, 0);
}

/** How many hosts a wave calls, of those that are not known to be busy. Pure. */
export function calledBy(wave: number): number {
  return 2 ** wave;
}

/** FNV-1a, with a last mix so that neighbouring process ids lead to different orders. */
function weight(host: string, sender: number): number {
  let hash = 0x811c9dc5 ^ sender;
  for (let at = 0; at < host.length; at += 1) hash = Math.imul(hash ^ host.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/**
 * The turns of one host in one queue. The first in rank claims at once, the others leave the job to
 * it. A host that has no room, or leaves jobs behind, passes the call on, and the others pass it
 * over for a while. No host passes itself over: each call is answered by a host, or passed on, or
 * all hosts have passed one on a moment ago, have no room, and claim once they do. What nobody took,
 * since a host was frozen or a call lost, the others find in the table at their next look. Then they
 * answer every call for a while.
 */
export class Turns {
  readonly #options: TurnsOptions;
  /**
   * Until when, by `performance.now()`, other hosts are passed over. Those that have left stay in
   * it: they are few.
   */
  readonly #busy = new Map<string, number>();
  /** The call that this host is to answer. */
  #call: Call | null = null;
  #passedAt = Number.NEGATIVE_INFINITY;
  /** When the last of the calls that wait to be passed on was heard. */
  #owedAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #distrustUntil = Number.NEGATIVE_INFINITY;
  /**
   * When this host had a job to run last, and when a look at the table found one though it had
   * none.
   */
  #busyAt = Number.NEGATIVE_INFINITY;
  #foundAt: number | null = null;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Whether it is this host's turn to answer a call. */
  take(call: Call): boolean {
    const { host, peers: list } = this.#options;
    const [peers, now] = [list(), performance.now()];
    if (peers === null) return true;
    const { from, sender, wave } = call;
    if (from !== null && peers.includes(from)) this.#busy.set(from, now + (wave === LAST_WAVE ? LEFT : BUSY));
    const rank = rankOf(host, this.#idle(peers), sender);
    // One host of a wave passes the call on.
    if (rank === 0) this.#call = call;
    return rank < calledBy(wave) || now < this.#distrustUntil;
  }

  /**
   * The call that this host is to answer; null where there is none, or another host of its wave
   * sees to it.
   */
  answer(): Call | null {
    const call = this.#call;
    this.#call = null;
    return call;
  }

  /**
   * This host has no room: calls the next hosts instead, unless they pass this host over already.
   * False without a call to answer, or without other hosts.
   */
  decline(): boolean {
    const call = this.answer();
    if (call === null || this.#others().length === 0) return false;
    return performance.now() - this.#passedAt < PASSED || this.#passOn(call);
  }

  /**
   * A claim for this call has left jobs behind: calls the next hosts, if any is known to be idle.
   * Busy ones see for themselves.
   */
  share(call: Call | null): void {
    if (call !== null && this.#idle(this.#others()).length > 0) this.#passOn(call);
  }

  /** A job begins or ends on this host. */
  busy(): void {
    this.#busyAt = performance.now();
  }

  /** A look at the table found jobs; `idle`: while this host ran none. */
  found(idle: boolean): void {
    const now = performance.now();
    this.#foundAt = idle && now - this.#busyAt > OVERLOOKED ? now : null;
  }

  /**
   * A claim that was sent then has brought these jobs. One that waited though this host was idle was overlooked by the
   * host whose turn it was.
   */
  claimed({ jobs, more }: ClaimResult, sentAt: number): void {
    // Nothing is left of a call that this claim was sent after.
    if (!more && this.#owedAt < sentAt) this.stop();
    if (this.#foundAt !== null && jobs.some(overlooked)) this.#distrustUntil = performance.now() + DISTRUST;
    this.#foundAt = null;
  }

  /** This host leaves: calls all others, which pass it over until they see that it is gone. */
  leave(): void {
    this.stop();
    const { host, queue } = this.#options;
    if (this.#others().length > 0) this.#send({ queue, sender: 0, wave: LAST_WAVE, from: host });
  }

  /** Passes on nothing that waits to be passed on. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #passOn(call: Call): boolean {
    if (call.wave >= LAST_WAVE) return false;
    const next = { ...call, wave: call.wave + 1, from: this.#options.host };
    this.#owedAt = performance.now();
    // Further calls within the pause are the same to those who hear them.
    this.#timer ??= setTimeout(() => this.#send(next), this.#passedAt + PAUSE - performance.now());
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

  /** Those that are not known to be busy, this host among them. */
  #idle(peers: readonly string[]): readonly string[] {
    if (this.#busy.size === 0) return peers;
    const now = performance.now();
    return peers.filter((peer) => peer === this.#options.host || (this.#busy.get(peer) ?? 0) < now);
  }
}

/** Whether a job had waited for long when it was claimed, by the database's clock. */
function overlooked({ attemptedAt, insertedAt, scheduledAt }: ClaimedJob): boolean {
  return attemptedAt - Math.max(insertedAt, scheduledAt) > OVERLOOKED;
}

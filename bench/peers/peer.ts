import type { PeerName, Work } from "./arguments.js";

/** What a peer has to work with. */
export interface Setting {
  /** URL of an empty database of its own. */
  readonly database: string;
  /** Port of an empty Redis on this machine; 0 if there is none. */
  readonly redis: number;
  /** The work about to be measured. Each peer is tuned for it as its documentation advises. */
  readonly work: Work;
  /** The number of threads that may compute. */
  readonly threads: number;
  /** The argument of each CPU-bound job. */
  readonly burn: { readonly rounds: number };
}

/** One way to do the work. Host and caller are two processes, or one for the work "same". */
export interface Peer {
  /** Starts the side that runs jobs. */
  host(setting: Setting): Promise<Host>;
  /** Starts the side that inserts and awaits, after the host. */
  caller(setting: Setting): Promise<Caller>;
  /** Starts both sides in this process. */
  both(setting: Setting): Promise<Caller>;
}

export interface Host {
  close(): Promise<void>;
}

export interface Caller {
  /** Inserts a job that returns this number, and awaits it. Rejects after {@link PATIENCE}. */
  call(int: number): Promise<number>;
  /**
   * Inserts this many no-op or CPU-bound jobs at once, and waits until the peer's own store shows
   * none left. Returns the number of jobs that failed.
   */
  drain(count: number): Promise<number>;
  close(): Promise<void>;
}

/** The part of a peer that a child process plays, as its argument. */
export interface Part {
  readonly name: PeerName;
  readonly role: keyof Peer;
  readonly setting: Setting;
}

/** Longest wait for a result, in ms. */
export const PATIENCE = 10_000;

/** The queue, or the task, of the jobs of a work. */
export type JobName = "same" | "noop" | "burn";

/** The job that {@link Caller.drain} inserts. */
export function drained({ work, burn }: Setting): { name: JobName; data: object } {
  return work === "cpu" ? { name: "burn", data: burn } : { name: "noop", data: {} };
}

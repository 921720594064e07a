import type { Work } from "./arguments.js";

/** What a peer gets to work with. */
export interface Setting {
  /** URL of a fresh database of its own. */
  readonly database: string;
  /** Port of a Redis on this machine, empty; 0 where there is none. */
  readonly redis: number;
  /** What is about to be measured: each peer tunes itself to it, as its documentation advises. */
  readonly work: Work;
  /** How many threads may compute. */
  readonly threads: number;
  /** The argument of each CPU-bound job. */
  readonly burn: { readonly rounds: number };
}

/** One way to have the work done. Its host and its caller are two processes, and for the work "same" one. */
export interface Peer {
  /** Starts the side that runs jobs. */
  host(setting: Setting): Promise<Host>;
  /** Starts the side that inserts and awaits, after the host. */
  caller(setting: Setting): Promise<Caller>;
  /** Both in this process. */
  both(setting: Setting): Promise<Caller>;
}

export interface Host {
  close(): Promise<void>;
}

export interface Caller {
  /** Inserts a job that gives its number back, and awaits it. Rejects when nothing came within {@link PATIENCE}. */
  call(int: number): Promise<number>;
  /**
   * Inserts so many no-op or CPU-bound jobs at once, and resolves when the peer's own store shows none left: to the number
   * of those that failed, which none should.
   */
  drain(count: number): Promise<number>;
  close(): Promise<void>;
}

/** ms that a result may take. */
export const PATIENCE = 10_000;

/** The queue, or the task, of the jobs of a work. */
export type JobName = "same" | "noop" | "burn";

/** What {@link Caller.drain} inserts. */
export function drained({ work, burn }: Setting): { name: JobName; data: object } {
  return work === "cpu" ? { name: "burn", data: burn } : { name: "noop", data: {} };
}

import type { MessagePort } from "node:worker_threads";
import { type Endpoint, expose, type Remote, wrap } from "comlink";
import type { Encoded } from "../job/answer.js";
import { Board } from "./board.js";

/**
 * The key of the link's port in a {@link Hello}.
 *
 * A host and its thread have two channels beside Piscina's own: the link, for what must arrive
 * while a job runs, and one for the jobs, which saves the 80 µs that Piscina takes for each. The
 * thread makes both when it starts, keeps one port of each, and posts the others to the host.
 */
export const LINK = "pg-baton.link";

/** The message that a thread posts when it is up. */
export interface Hello {
  readonly [LINK]: MessagePort;
  /** Receives one `TasksMessage` at a time; answers with an array of one `RunMessage` per job. */
  readonly jobs: MessagePort;
  /** The memory of the thread's {@link Board}, which outlives the thread. */
  readonly memory: SharedArrayBuffer;
}

/** Whether a message is a {@link Hello}, by its shape: Jest has classes of another realm. */
export function isHello(message: unknown): message is Hello {
  if (typeof message !== "object" || message === null) return false;
  const { [LINK]: link, jobs, memory } = message as Partial<Hello>;
  return isPort(link) && isPort(jobs) && Board.isMemory(memory);
}

function isPort(value: unknown): boolean {
  return typeof value === "object" && value !== null && "postMessage" in value && "start" in value;
}

/** The calls that a thread answers. */
export interface ThreadSide {
  /** Aborts the signal of the job's run, if it is under way or about to begin. */
  abort(id: number, claim: number, reason: string): void;
  /** Returns the thread's id. An answer proves that its event loop turns. */
  ping(): number;
}

/** The calls that a host answers. */
export interface HostSide {
  /** Reports an error that is no outcome of a job. */
  stray(report: StrayReport): void;
}

/** An error thrown outside of the job under way. */
export interface StrayReport {
  /** The job that caused it, if known. */
  readonly id: number | null;
  readonly worker: string | null;
  readonly error: Encoded;
}

/** The far side of a link. Its calls return promises, which never settle if the far side dies. */
export type Far<Side> = Remote<Side>;

/**
 * Connects one end of a link. `near` answers the far side's calls; the returned proxy calls the far
 * side. The link does not keep the process alive.
 */
export function connect<Side>(port: MessagePort, near: object): Far<Side> {
  // Node's MessagePort has all that Comlink uses of an EventTarget. Only the types differ.
  const endpoint = port as unknown as Endpoint;
  expose(near, endpoint);
  const far = wrap<Side>(endpoint);
  // Listening refs the port.
  port.unref();
  return far;
}

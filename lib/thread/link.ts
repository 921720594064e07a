import type { MessagePort } from "node:worker_threads";
import { type Endpoint, expose, type Remote, wrap } from "comlink";
import type { Encoded } from "../job/answer.js";
import { Board } from "./board.js";

/**
 * The lines between a host and one of its threads beside Piscina's own: one for what must get through while a job runs, one
 * for the jobs themselves, which Piscina's way takes 80 µs longer each. The thread makes both channels when it starts, keeps one
 * port of each and posts the others to the host, as `{ [LINK]: port, jobs: port, memory }`.
 */
export const LINK = "pg-baton.link";

/** What a thread posts when it is up. */
export interface Hello {
  readonly [LINK]: MessagePort;
  /** Takes a `TasksMessage` at a time, and gives for it a list with a `RunMessage` for each of its jobs. */
  readonly jobs: MessagePort;
  /** The memory of the thread's {@link Board}, which outlives it. */
  readonly memory: SharedArrayBuffer;
}

/** Whether a message is one. Goes by shape: under Jest, what the thread posts has the classes of another realm. */
export function isHello(message: unknown): message is Hello {
  if (typeof message !== "object" || message === null) return false;
  const { [LINK]: link, jobs, memory } = message as Partial<Hello>;
  return isPort(link) && isPort(jobs) && Board.isMemory(memory);
}

function isPort(value: unknown): boolean {
  return typeof value === "object" && value !== null && "postMessage" in value && "start" in value;
}

/** What a host asks of its thread. */
export interface ThreadSide {
  /** Aborts the signal of that job's run, if it runs now or is about to. */
  abort(id: number, claim: number, reason: string): void;
  /** Answers with the thread's id: its event loop turns. */
  ping(): number;
}

/** What a thread tells its host. */
export interface HostSide {
  stray(report: StrayReport): void;
}

/** Something thrown outside of its job. */
export interface StrayReport {
  /** The job that set it off, where that is known. */
  readonly id: number | null;
  readonly worker: string | null;
  readonly error: Encoded;
}

/** The far side of a link, its calls as promises. They stay open for ever when the far side dies. */
export type Far<Side> = Remote<Side>;

/** Connects one end: `near` answers the far side's calls, the proxy that comes back makes them. Keeps nothing alive. */
export function connect<Side>(port: MessagePort, near: object): Far<Side> {
  // Node's MessagePort is an EventTarget with all that Comlink uses; only their types differ.
  const endpoint = port as unknown as Endpoint;
  expose(near, endpoint);
  const far = wrap<Side>(endpoint);
  // Listening has referenced it.
  port.unref();
  return far;
}

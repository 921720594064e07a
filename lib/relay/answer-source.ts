import type { StoredAnswer } from "../job/answer.js";

/** What keeps jobs of a queue and worker from running. */
export type Unserved = "no host serves this queue" | "no host has this worker";

/** Where stored answers are looked up: the engine, or a stand-in. Refs without a row are absent from what comes back. */
export interface AnswerSource {
  readAnswers(refs: readonly string[]): Promise<StoredAnswer[]>;
  /** Adds this host to those that are notified of the next outcome, then reads like {@link readAnswers}. */
  subscribe(refs: readonly string[]): Promise<StoredAnswer[]>;
  /**
   * Reads answers whole, however large. Who asks sees to it that they fit into memory together. Calls `progress` as parts
   * arrive.
   */
  readLargeAnswers(refs: readonly string[], progress: () => void): Promise<StoredAnswer[]>;
  /** Of these pairs, those whose jobs no live host can run, keyed `${queue}\n${worker}`. */
  unserved?(pairs: readonly QueueAndWorker[]): Promise<ReadonlyMap<string, Unserved>>;
}

export interface QueueAndWorker {
  readonly queue: string;
  readonly worker: string;
}

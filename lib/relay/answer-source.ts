import type { StoredAnswer } from "../job/answer.js";

/** Why no live host can run the jobs of a queue and worker. */
export type UnservedReason = "no host serves this queue" | "no host has this worker";

/** A queue, and a worker of jobs in it. */
export interface QueueAndWorker {
  readonly queue: string;
  readonly worker: string;
}

/**
 * The source of stored answers: the engine, or a double in tests. Refs without a row
 * are absent from every reply.
 */
export interface AnswerSource {
  readAnswers(refs: readonly string[]): Promise<StoredAnswer[]>;
  /** Subscribes this host to the next outcome of each ref, then reads like {@link readAnswers}. */
  subscribe(refs: readonly string[]): Promise<StoredAnswer[]>;
  /**
   * Reads whole answers of any size. The caller limits the bytes that it requests at a time.
   *
   * @param progress called as parts arrive.
   */
  readLargeAnswers(refs: readonly string[], progress: () => void): Promise<StoredAnswer[]>;
  /** Resolves to the pairs whose jobs no live host can run, keyed `${queue}\n${worker}`. */
  unserved(pairs: readonly QueueAndWorker[]): Promise<ReadonlyMap<string, UnservedReason>>;
}

import type { StoredAnswer } from "../job/answer.js";

/** Why no live host can run the jobs of a queue and worker. */
export type UnservedReason = "no host serves this queue" | "no host has this worker";

/** A queue and a worker whose jobs are in it. */
export interface QueueAndWorker {
  readonly queue: string;
  readonly worker: string;
}

/**
 * Where stored answers are read: the engine, or a stand-in. Refs without a
 * row are absent from every reply.
 */
export interface AnswerSource {
  readAnswers(refs: readonly string[]): Promise<StoredAnswer[]>;
  /** Subscribes this host to the next outcome of each ref, then reads like {@link readAnswers}. */
  subscribe(refs: readonly string[]): Promise<StoredAnswer[]>;
  /**
   * Reads whole answers of any size. The caller limits how many bytes it asks for at a time.
   *
   * @param progress called as parts arrive.
   */
  readLargeAnswers(refs: readonly string[], progress: () => void): Promise<StoredAnswer[]>;
  /** The pairs whose jobs no live host can run, keyed `${queue}\n${worker}`. */
  unserved(pairs: readonly QueueAndWorker[]): Promise<ReadonlyMap<string, UnservedReason>>;
}

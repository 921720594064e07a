import { setTimeout as sleep } from "node:timers/promises";
import { ANSWER_KINDS, type Answer, type AnswerKind, answerWith, type StoredAnswer } from "../../lib/job/answer.js";
import type { JobState } from "../../lib/job/job.js";
import type { AnswerSource, QueueAndWorker, UnservedReason } from "../../lib/relay/answer-source.js";

/** An answer whose value is JSON, as {@link decodeJson} reads it. */
export function answer(kind: AnswerKind, value: unknown): Answer {
  return answerWith(kind, { encoding: "b", bytes: Buffer.from(JSON.stringify(value)) });
}

export function value(of: unknown): Answer {
  return answer(ANSWER_KINDS.value, of);
}

/** Replaces the codec: values are JSON. An object with the property `error` becomes an Error. */
export function decodeJson({ bytes }: { readonly bytes: Uint8Array }): unknown {
  const decoded = JSON.parse(Buffer.from(bytes).toString()) as unknown;
  return typeof decoded === "object" && decoded !== null && "error" in decoded
    ? new Error(String(decoded.error))
    : decoded;
}

/** Replaces the table: rows by ref, in memory. */
export class MemoryAnswers implements AnswerSource {
  readonly #rows = new Map<string, StoredAnswer>();
  /** The refs of each read, and whether it subscribed. */
  readonly calls: { readonly refs: readonly string[]; readonly subscribe: boolean }[] = [];
  /** The refs of each read of large answers. */
  readonly largeCalls: string[][] = [];
  /** Reports that a part of the large answers under way has arrived. */
  progress: () => void = () => {};
  /** Answers of more bytes than this are large. */
  inline = Number.POSITIVE_INFINITY;
  /** Reads of large answers wait for this. */
  gate: Promise<void> = Promise.resolve();
  /** Whether every read hangs for ever, as while the database is away. */
  hangs = false;
  /** ms that every read takes. */
  takes = 0;
  /** The replies of `unserved`, keyed `${queue}\n${worker}`; undefined to hang. */
  reasons: ReadonlyMap<string, UnservedReason> | undefined = new Map();
  /** The pairs of each call of `unserved`. */
  readonly reasonCalls: (readonly QueueAndWorker[])[] = [];

  put(ref: string, answer: Answer | null, state: JobState = "completed", attempt = 1, host = "the host"): void {
    this.#rows.set(ref, { ref, id: 1, state, attempt, host, answer });
  }

  delete(ref: string): void {
    this.#rows.delete(ref);
  }

  readAnswers(refs: readonly string[]): Promise<StoredAnswer[]> {
    return this.#read(refs, false);
  }

  subscribe(refs: readonly string[]): Promise<StoredAnswer[]> {
    return this.#read(refs, true);
  }

  async readLargeAnswers(refs: readonly string[], progress: () => void = () => {}): Promise<StoredAnswer[]> {
    this.largeCalls.push([...refs]);
    this.progress = progress;
    await this.gate;
    return refs.flatMap((ref) => this.#rows.get(ref) ?? []);
  }

  async unserved(pairs: readonly QueueAndWorker[]): Promise<ReadonlyMap<string, UnservedReason>> {
    this.reasonCalls.push(pairs);
    return this.reasons ?? new Promise(() => {});
  }

  async #read(refs: readonly string[], subscribe: boolean): Promise<StoredAnswer[]> {
    this.calls.push({ refs, subscribe });
    if (this.hangs) await new Promise(() => {});
    if (this.takes > 0) await sleep(this.takes);
    return refs.flatMap((ref) => {
      const row = this.#rows.get(ref);
      if (row === undefined) return [];
      const size = row.answer?.bytes.length ?? 0;
      return size > this.inline ? { ...row, answer: null, large: size } : row;
    });
  }
}

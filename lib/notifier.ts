/**
 * How processes wake each other: named channels that carry short texts. Implemented by PostgreSQL's
 * LISTEN and NOTIFY (`postgres/notifier.ts`) and, within one process, by a double for tests.
 */

/** `notify`: notifications arrive. `polling`: they do not, and Baton reads the table instead. */
export type NotifierMode = "notify" | "polling";

export interface Notifier {
  readonly mode: NotifierMode;
  /** Resolves once it is known whether notifications arrive. Idempotent. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /**
   * Calls the handler with each payload on a channel, and with the sender's server process.
   * Resolves once the server listens. During a gap it resolves at once: the reconnect listens too.
   */
  listen(channel: string, handler: (payload: string, sender: number) => void): Promise<void>;
  notify(channel: string, payload: string): Promise<void>;
  /** Calls the handler after each gap in listening and each change of mode. */
  onRestore(handler: () => void): void;
  /**
   * Reports that the table had an answer that no notification brought. If none arrives soon, the
   * notifier tests whether notifications arrive at all.
   */
  doubt(): void;
}

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
   * Resolves once the server listens; during a gap at once, since the reconnect listens to it too.
   */
  listen(channel: string, handler: (payload: string, sender: number) => void): Promise<void>;
  notify(channel: string, payload: string): Promise<void>;
  /** Calls the handler after each gap in listening and each change of mode. */
  onRestore(handler: () => void): void;
  /**
   * Reports that the table shows something which no notification brought. If no notification
   * arrives soon, the notifier tests whether any do.
   */
  doubt(): void;
}

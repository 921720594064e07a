/**
 * How processes call each other: named channels of short texts. Postgres' LISTEN and NOTIFY, or a
 * stand-in within one process.
 */

/** Whether notifications arrive, or the table has to be asked instead. */
export type NotifierMode = "notify" | "polling";

export interface Notifier {
  readonly mode: NotifierMode;
  /**
   * Resolves once notifications are proven to arrive, or it is known that they do not. Idempotent.
   */
  start(): Promise<void>;
  stop(): Promise<void>;
  /**
   * Calls the handler with each payload sent to a channel, and the sender's server process.
   * Resolves once it is listening, or is due to when reconnected.
   */
  listen(channel: string, handler: (payload: string, sender: number) => void): Promise<void>;
  notify(channel: string, payload: string): Promise<void>;
  /**
   * Calls the handler whenever notifications may have been missed: after each gap, and on each
   * change of mode.
   */
  onRestore(handler: () => void): void;
  /** The table has something that a notification should have brought. Where none comes now either, the mode is put to the test. */
  doubt(): void;
}

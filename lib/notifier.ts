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

/**
 * A notifier within one process: for tests, which run the same statements on it as on the one over
 * Postgres.
 */
export class MemoryNotifier implements Notifier {
  readonly #handlers = new Map<string, ((payload: string, sender: number) => void)[]>();
  readonly #restored: (() => void)[] = [];
  #mode: NotifierMode = "notify";
  /** How often it was doubted. */
  doubts = 0;

  get mode(): NotifierMode {
    return this.#mode;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#handlers.clear();
  }

  async listen(channel: string, handler: (payload: string, sender: number) => void): Promise<void> {
    const handlers = this.#handlers.get(channel);
    if (handlers === undefined) this.#handlers.set(channel, [handler]);
    else handlers.push(handler);
  }

  async notify(channel: string, payload: string): Promise<void> {
    if (this.#mode === "polling") return;
    for (const handler of this.#handlers.get(channel) ?? []) handler(payload, 0);
  }

  onRestore(handler: () => void): void {
    this.#restored.push(handler);
  }

  doubt(): void {
    this.doubts += 1;
  }

  /** Loses everything from now on (`polling`), or works again, as a real one may. */
  setMode(mode: NotifierMode): void {
    this.#mode = mode;
    for (const handler of this.#restored) handler();
  }
}

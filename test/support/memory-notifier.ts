import type { Notifier, NotifierMode } from "../../lib/notifier.js";

/** A notifier within one process. */
export class MemoryNotifier implements Notifier {
  readonly #handlers = new Map<string, ((payload: string, sender: number) => void)[]>();
  readonly #restored: (() => void)[] = [];
  #mode: NotifierMode = "notify";
  /** Calls of {@link doubt}. */
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

  /** Loses every notification (`polling`), or works again (`notify`). */
  setMode(mode: NotifierMode): void {
    this.#mode = mode;
    for (const handler of this.#restored) handler();
  }
}

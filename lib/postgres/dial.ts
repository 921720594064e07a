import type { ServerClient } from "./client.js";

/** ms after which a hanging attempt gets a rival. */
const RIVAL = 700;

/** How one attempt is made. */
export interface Attempt<Result> {
  /** Makes a client that is not connected yet. */
  readonly make: () => ServerClient;
  /** Connects the client and prepares it for its use. */
  readonly prepare: (client: ServerClient) => Promise<Result>;
}

/**
 * Opens a connection by several attempts that race. An attempt that began while the network
 * swallowed everything hangs until its timeout, even if the network is back soon. So another one
 * starts every 700 ms, and the first to succeed wins; the others are closed. Rejects when no
 * attempt is left, or with the signal's reason.
 */
export function dial<Result>({ make, prepare }: Attempt<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const attempts = new Set<ServerClient>();
    const end = (): void => {
      clearInterval(timer);
      signal.removeEventListener("abort", abort);
      for (const client of attempts) void client.close();
      attempts.clear();
    };
    const abort = (): void => {
      end();
      reject(signal.reason);
    };
    const attempt = async (): Promise<void> => {
      const client = make();
      attempts.add(client);
      try {
        const result = await prepare(client);
        if (!attempts.delete(client)) return;
        end();
        resolve(result);
      } catch (error) {
        void client.close();
        if (!attempts.delete(client) || attempts.size > 0) return;
        end();
        reject(error);
      }
    };
    const timer = setInterval(() => void attempt(), RIVAL);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort);
    void attempt();
  });
}

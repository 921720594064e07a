import type { ServerClient } from "./client.js";
import { closeClient } from "./sockets.js";

/** ms after which an attempt that hangs is given company. */
const COMPANY = 700;

/** How one attempt is made. */
export interface Attempt<Result> {
  /** A client, not connected. */
  readonly make: () => ServerClient;
  /** Connects it, and makes it what is wanted. */
  readonly prepare: (client: ServerClient) => Promise<Result>;
}

/**
 * Opens a connection. An attempt that was begun while the network swallowed everything hangs until its timeout, however
 * soon the network is back; so it is given company, and the first that is through is taken. The others are closed, whatever
 * they wait for: none outlives this. Rejects when none is left, and by the signal.
 */
export function dial<Result>({ make, prepare }: Attempt<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const attempts = new Set<ServerClient>();
    const end = (): void => {
      clearInterval(timer);
      signal.removeEventListener("abort", abort);
      for (const client of attempts) void closeClient(client);
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
        void closeClient(client);
        if (!attempts.delete(client) || attempts.size > 0) return;
        end();
        reject(error);
      }
    };
    const timer = setInterval(() => void attempt(), COMPANY);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort);
    void attempt();
  });
}

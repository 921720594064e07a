import type { ServerClient } from "./client.js";
import { closeClient } from "./sockets.js";

/** ms after which an attempt that hangs is given company. */
const COMPANY = 700;

/**
 * Opens a connection. An attempt that was begun while the network swallowed everything hangs until its timeout, however
 * soon the network is back; so it is given company, and the first that is through is taken. Rejects when none is left, and by
 * the signal.
 */
export function dial(open: () => Promise<ServerClient>, signal: AbortSignal): Promise<ServerClient> {
  return new Promise((resolve, reject) => {
    let attempts = 0;
    let settled = false;
    const settle = (): void => {
      settled = true;
      clearInterval(timer);
      signal.removeEventListener("abort", abort);
    };
    const abort = (): void => {
      settle();
      reject(signal.reason);
    };
    const attempt = async (): Promise<void> => {
      attempts += 1;
      try {
        const client = await open();
        if (settled) return void closeClient(client);
        settle();
        resolve(client);
      } catch (error) {
        attempts -= 1;
        if (settled || attempts > 0) return;
        settle();
        reject(error);
      }
    };
    signal.addEventListener("abort", abort);
    const timer = setInterval(() => void attempt(), COMPANY);
    void attempt();
  });
}

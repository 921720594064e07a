import { BroadcastChannel } from "node:worker_threads";

/**
 * Signals from a job that it has reached a point. Arrives even if the thread then blocks for ever.
 */
export function giveSign(name: string): void {
  // oxlint-disable-next-line require-post-message-target-origin -- that is for windows
  new BroadcastChannel(name).postMessage(name);
}

/** Resolves when a job gives this sign. */
export function signOf(name: string): Promise<void> {
  const channel = new BroadcastChannel(name);
  return new Promise((resolve) => {
    // oxlint-disable-next-line prefer-add-event-listener -- its types have no other
    channel.onmessage = () => {
      channel.close();
      resolve();
    };
  });
}

import { BroadcastChannel } from "node:worker_threads";

/** Says from within a job that it is where a test wants it. Arrives even if the thread never turns its event loop again. */
export function giveSign(name: string): void {
  // oxlint-disable-next-line require-post-message-target-origin -- that is for windows
  new BroadcastChannel(name).postMessage(name);
}

/** Resolves when a job gives that sign. */
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

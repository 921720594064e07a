import { setTimeout as sleep } from "node:timers/promises";

/**
 * Polls a condition every 10 ms until it is truthy, and resolves to its value.
 * Rejects after `timeout` ms, or at once with an error of the condition.
 *
 * @param what completes the message "Waited in vain for ...".
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  what: string,
  timeout = 10_000,
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = performance.now() + timeout;
  for (;;) {
    const answer = await condition();
    if (answer) return answer as Exclude<T, false | null | undefined>;
    if (performance.now() > deadline) throw new Error(`Waited in vain for ${what} (${timeout} ms)`);
    await sleep(10);
  }
}

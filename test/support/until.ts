import { setTimeout as sleep } from "node:timers/promises";

/**
 * Waits for what has no event to wait for: asks every 10 ms until the answer is truthy, and resolves to it. `what` ends
 * the sentence "waited in vain for ..." that the error says. What the condition throws is thrown at once.
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

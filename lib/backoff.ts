/**
 * ms to wait after failure number `failures` (from 1): doubles from 25 ms to 500 ms. Jitter takes
 * off up to half, so that hosts do not retry in step.
 */
export function retryDelay(failures: number): number {
  return Math.min(500, 25 * 2 ** Math.min(failures - 1, 6)) * (0.5 + Math.random() / 2);
}

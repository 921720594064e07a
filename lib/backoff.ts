/**
 * The pause in ms before a retry, by the number of failures so far: doubles from 25 to 500. Jitter
 * takes off up to half, so that hosts do not retry in step.
 */
export function retryDelay(failures: number): number {
  return Math.min(500, 25 * 2 ** Math.min(failures - 1, 6)) * (0.5 + Math.random() / 2);
}

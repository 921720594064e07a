/** The jobs of Baton's workers as plain functions. */
export { run as burn } from "../../../../dist/bench/workers/burn.js";

export function noop(): void {}

export function same({ int }: { int: number }): number {
  return int;
}

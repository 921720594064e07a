/** The jobs as plain functions, for whoever runs them: the same that Baton's workers perform. */
export { run as burn } from "../../../../dist/bench/workers/burn.js";

export function noop(): void {}

export function same({ int }: { int: number }): number {
  return int;
}

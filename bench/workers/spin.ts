import { defineWorker, type Job } from "../../lib/worker.js";

/** The same amount of work every time: a xorshift generator, so many steps. Returns its last state, so that nothing is optimised away. */
export function spin(rounds: number): number {
  let state = 2_463_534_242;
  for (let round = 0; round < rounds; round += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
  }
  return state;
}

/** What bare Piscina runs. */
export function run({ rounds }: { rounds: number }): number {
  return spin(rounds);
}

export const Spin = defineWorker(import.meta.url, {
  name: "spin",
  queue: "bench",
  perform: ({ args }: Job<{ rounds: number }>) => run(args),
});

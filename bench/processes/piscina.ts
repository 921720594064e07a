/** Bare Piscina in a process of its own: the same threads and functions, without persistence. */
import { Piscina } from "piscina";
import { LoopDelay } from "../support/loop-delay.js";
import { argument, serve } from "../support/serve.js";

/** The figures of one round. */
export interface PiscinaFigures {
  readonly seconds: number;
  /** ms */
  readonly loopDelay: number;
}

const { worker, threads } = argument() as { worker: string; threads: number };
const delay = new LoopDelay();
const piscina = new Piscina({
  filename: new URL(`../workers/${worker}.js`, import.meta.url).href,
  name: "run",
  minThreads: threads,
  maxThreads: threads,
});

serve({ perform: ({ count, args }: { count: number; args: object }) => perform(count, args) }, () => piscina.destroy());

async function perform(count: number, args: object): Promise<PiscinaFigures> {
  delay.start();
  const start = performance.now();
  await Promise.all(Array.from({ length: count }, () => piscina.run(args)));
  return { seconds: (performance.now() - start) / 1_000, loopDelay: delay.p99() };
}

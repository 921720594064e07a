/** A Baton in a process of its own, and how late and how busy its event loop was. */
import { Baton, type BatonOptions } from "../../lib/index.js";
import { LoopDelay } from "../support/loop-delay.js";
import { argument, serve } from "../support/serve.js";
import { Burn } from "../workers/burn.js";
import { Bytes } from "../workers/bytes.js";
import { Noop, Same, Tiny } from "../workers/noop.js";

const delay = new LoopDelay();
const baton = new Baton({ ...(argument() as BatonOptions), workers: [Noop, Tiny, Same, Burn, Bytes] });
await baton.start();
let before = performance.eventLoopUtilization();
let cpu = process.cpuUsage();

function mark(): void {
  before = performance.eventLoopUtilization();
  cpu = process.cpuUsage();
}

const commands = {
  mark,
  /** Watching the delay takes CPU time of its own. */
  start: () => {
    mark();
    delay.start();
  },
  /** ms of delay, the 99th percentile since then. */
  stop: () => delay.p99(),
  /** ms that the event loop was busy since then. */
  busy: () => performance.eventLoopUtilization(before).active,
  /** ms of CPU time of the process since then, all threads. */
  cpu: () => {
    const { user, system } = process.cpuUsage(cpu);
    return (user + system) / 1_000;
  },
};

serve(commands, () => baton.stop());

/** A Baton in a process of its own, which measures its event loop and CPU time. */
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
  /** Separate from `mark`, since measuring the delay takes CPU time. */
  start: () => {
    mark();
    delay.start();
  },
  /** p99 of the event-loop delay since `start`, in ms. */
  stop: () => delay.p99(),
  /** ms that the event loop was busy since the mark. */
  busy: () => performance.eventLoopUtilization(before).active,
  /** ms of CPU time since the mark, of all threads. */
  cpu: () => {
    const { user, system } = process.cpuUsage(cpu);
    return (user + system) / 1_000;
  },
};

serve(commands, () => baton.stop());

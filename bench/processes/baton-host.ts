/** A Baton in a process of its own, and how late its event loop was. */
import { Baton, type BatonOptions } from "../../lib/index.js";
import { LoopDelay } from "../support/loop-delay.js";
import { argument, serve } from "../support/serve.js";
import { Noop, Same } from "../workers/noop.js";
import { Burn } from "../workers/burn.js";

const delay = new LoopDelay();
const baton = new Baton({ ...(argument() as BatonOptions), workers: [Noop, Same, Burn] });
await baton.start();

serve({ start: () => delay.start(), stop: () => delay.p99() }, () => baton.stop());

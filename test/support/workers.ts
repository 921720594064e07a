import type { AnyWorker } from "../../lib/index.js";
import double from "../../examples/workers/double.js";
import echo from "../../examples/workers/echo.js";
import { batched } from "../workers/batched.js";
import { clock } from "../workers/clocks.js";
import { exit } from "../workers/crash.js";
import { fail, recurse } from "../workers/fail.js";
import { bytes, defaulted, drowsy, flaky } from "../workers/flaky.js";
import { captive, gated, parked, stubborn } from "../workers/gated.js";
import { ledgered } from "../workers/ledgered.js";
import { broken, misplaced } from "../workers/lost.js";
import { poison, whereabouts } from "../workers/poison.js";
import { inspecting, returning } from "../workers/results.js";
import { bulky, cramped, roomy, sized, verbose } from "../workers/sizes.js";

/** The workers of hosts in system tests. */
export const WORKERS: readonly AnyWorker[] = [
  batched,
  clock,
  double,
  echo,
  exit,
  fail,
  recurse,
  bytes,
  defaulted,
  drowsy,
  flaky,
  captive,
  gated,
  parked,
  stubborn,
  broken,
  misplaced,
  ledgered,
  poison,
  whereabouts,
  inspecting,
  returning,
  sized,
  roomy,
  cramped,
  bulky,
  verbose,
];

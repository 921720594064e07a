import { createRequire } from "node:module";
import { randomBytes } from "node:crypto";
import { cancel, defineWorker, discard, type Job, snooze } from "../../lib/worker.js";

const VALUES: Readonly<Record<string, () => unknown>> = {
  nothing: () => undefined,
  null: () => null,
  late: () => new Promise((resolve) => setImmediate(resolve, "late")),
  // oxlint-disable-next-line no-thenable -- that is the case
  thenable: () => ({ then: (resolve: (value: string) => void) => resolve("from a thenable") }),
  large: () => randomBytes(8_193),
  repetitive: () => "x".repeat(100_000),
  functions: () => ({ rows: [{ callback: () => 1 }] }),
  deep: () => {
    let value: unknown = "bottom";
    for (let depth = 0; depth < 100_000; depth += 1) value = [value];
    return value;
  },
  proxy: () =>
    new Proxy(
      {},
      {
        getOwnPropertyDescriptor: () => {
          throw new Error("trap");
        },
      },
    ),
  snooze: () => snooze(7),
  cancel: () => cancel("not wanted"),
  discard: () => discard({ because: "of this" }),
  "cancel without reason": () => cancel(),
  "cancel for a function": () => cancel(() => 1),
  "cancel for too much": () => cancel(randomBytes(8_193)),
};

/** Returns the value of that name. */
export const returning = defineWorker(import.meta.url, {
  name: "returning",
  perform: ({ args }: Job<{ what: string }>): unknown => VALUES[args.what]?.(),
});

/** Returns the job and the thread id that `perform` gets. */
export const inspecting = defineWorker(import.meta.url, {
  name: "inspecting",
  perform: (job: Job<{ a: number }>, { threadId }) => ({ job, threadId }),
});

/** Returns the paths of the files that its thread has loaded by `require()`. */
export const requiring = defineWorker(import.meta.url, {
  name: "requiring",
  perform: () => Object.keys(createRequire(import.meta.url).cache),
});

import { defineWorker, type Job } from "../../lib/worker.js";

class OutOfPaperError extends Error {
  override readonly name = "OutOfPaperError";
  readonly code = "PAPER";
  constructor(readonly tray: number) {
    super(`Tray ${tray} is empty`, { cause: new TypeError("no sheet") });
  }
}

/** Thrown values by name. */
const THROWN: Readonly<Record<string, () => unknown>> = {
  error: () => new OutOfPaperError(3),
  null: () => null,
  undefined: () => undefined,
  string: () => "just a string",
  frozen: () => Object.freeze(new Error("frozen")),
  proxy: () =>
    new Proxy(new Error("behind a proxy"), {
      get: () => {
        throw new Error("get trap");
      },
      getPrototypeOf: () => {
        throw new Error("getPrototypeOf trap");
      },
    }),
  nul: () => new Error("a \0 and half a \uD83D pair"),
  long: () => new Error("x".repeat(10_000)),
};

/** Throws the value of that name, at once or later. */
export const fail = defineWorker(import.meta.url, {
  name: "fail",
  perform: async ({ args }: Job<{ what: string; later?: boolean }>): Promise<void> => {
    if (args.later) await new Promise(setImmediate);
    throw THROWN[args.what]?.();
  },
});

/** Exhausts the stack. */
export const recurse = defineWorker(import.meta.url, {
  name: "recurse",
  perform: (): number => {
    const deeper = (): number => deeper() + 1;
    return deeper();
  },
});

const DELAYS: Readonly<Record<string, () => number>> = {
  number: () => 1_234,
  nan: () => Number.NaN,
  negative: () => -1,
  text: () => "soon" as unknown as number,
  throws: () => {
    throw new Error("backoff itself fails");
  },
};

/** Fails, and has its own backoff. */
export const backingOff = defineWorker(import.meta.url, {
  name: "backing-off",
  perform: (_job: Job<{ backoff: string }>): void => {
    throw new Error("try later");
  },
  backoff: ({ args }) => DELAYS[args.backoff]?.() ?? 0,
});

import { expectTypeOf } from "expect-type";
import {
  type AwaitResult,
  Baton,
  cancel,
  defineWorker,
  discard,
  type Job,
  snooze,
  workerRef,
} from "../../lib/index.js";
import type { NewJob, Relay } from "../../lib/index.js";
import type Double from "../../examples/workers/double.js";
import double from "../../examples/workers/double.js";

// The compiler checks these tests: a test that compiles has passed. They run nothing.
const baton = null as unknown as Baton;
const url = import.meta.url;

/** Compiled, never called. */
function compiles(_never: () => unknown): void {}

describe("types: a worker", () => {
  it("infers args and result from perform", () => {
    expectTypeOf(double.new).parameter(0).toEqualTypeOf<{ int: number }>();
    expectTypeOf(double.new({ int: 2 })).toEqualTypeOf<NewJob<number>>();
  });

  it("rejects args that perform does not take", () => {
    // @ts-expect-error -- a text is no number
    compiles(() => double.new({ int: "2" }));
    // @ts-expect-error -- int is missing
    compiles(() => double.new({}));
    // @ts-expect-error -- args are missing
    compiles(() => double.new());
    // @ts-expect-error -- there is no such arg
    compiles(() => double.new({ int: 2, float: 1.5 }));
  });

  it("rejects options that a job does not have", () => {
    // @ts-expect-error -- it is called priority
    compiles(() => double.new({ int: 2 }, { prio: 1 }));
    // @ts-expect-error -- workers have no default for a time
    compiles(() => defineWorker(url, { name: "w", scheduleIn: 5, perform: () => 1 }));
  });

  it("unwraps a promise, and excludes control values from the result", () => {
    const worker = defineWorker(url, {
      name: "w",
      perform: async (job: Job<{ way: number }>) => {
        if (job.args.way === 1) return snooze(5);
        if (job.args.way === 2) return cancel("why");
        if (job.args.way === 3) return discard();
        return new Date();
      },
    });
    expectTypeOf(worker.new({ way: 1 })).toEqualTypeOf<NewJob<Date>>();
  });

  it("turns nothing into undefined", () => {
    const nothing = defineWorker(url, { name: "w", perform: () => {} });
    const later = defineWorker(url, { name: "w", perform: async () => {} });
    const sometimes = defineWorker(url, {
      name: "w",
      perform: ({ args }: Job<{ a: boolean }>) => (args.a ? Math.random() : undefined),
    });
    expectTypeOf(nothing.new()).toEqualTypeOf<NewJob<undefined>>();
    expectTypeOf(later.new()).toEqualTypeOf<NewJob<undefined>>();
    expectTypeOf(sometimes.new({ a: true })).toEqualTypeOf<NewJob<number | undefined>>();
  });

  it("needs no args if perform takes no job", () => {
    const worker = defineWorker(url, { name: "w", perform: () => 1 });
    compiles(() => [worker.new(), worker.new({}), worker.new({}, { priority: 3 })]);
  });

  it("does not compile with args that do not survive JSON", () => {
    // @ts-expect-error -- a Date becomes text
    compiles(() => defineWorker(url, { name: "w", perform: (_job: Job<{ at: Date }>) => 1 }));
    // @ts-expect-error -- JSON refuses bigints
    compiles(() => defineWorker(url, { name: "w", perform: (_job: Job<{ n: bigint }>) => 1 }));
    // @ts-expect-error -- a Map becomes {}
    compiles(() => defineWorker(url, { name: "w", perform: (_job: Job<{ m: Map<string, number> }>) => 1 }));
    // @ts-expect-error -- so does a Set
    compiles(() => defineWorker(url, { name: "w", perform: (_job: Job<{ deep: { s: Set<number> }[] }>) => 1 }));
    // @ts-expect-error -- functions vanish
    compiles(() => defineWorker(url, { name: "w", perform: (_job: Job<{ f: () => void }>) => 1 }));
    // @ts-expect-error -- so do symbols
    compiles(() => defineWorker(url, { name: "w", perform: (_job: Job<{ s: symbol }>) => 1 }));
    // @ts-expect-error -- bytes become an object of numbers
    compiles(() => defineWorker(url, { name: "w", perform: (_job: Job<{ b: Uint8Array }>) => 1 }));
  });

  it("compiles with any args that survive JSON", () => {
    interface Row {
      readonly id: number;
      name?: string;
      parent: Row | null;
      kind: "a" | "b";
      tuple: readonly [number, string];
    }
    const rows = defineWorker(url, {
      name: "w",
      perform: (job: Job<{ rows: readonly Row[] }>) => job.args.rows.length,
    });
    expectTypeOf(rows.new).parameter(0).toEqualTypeOf<{ rows: readonly Row[] }>();
    const dictionary = defineWorker(url, { name: "w", perform: (job: Job<Record<string, number>>) => job.args });
    expectTypeOf(dictionary.new({ a: 1 })).toEqualTypeOf<NewJob<Record<string, number>>>();
  });

  it("passes the same job to backoff", () => {
    defineWorker(url, {
      name: "w",
      perform: (job: Job<{ delay: number }>) => job.args.delay,
      backoff: (job) => {
        expectTypeOf(job.args).toEqualTypeOf<{ delay: number }>();
        return job.args.delay;
      },
    });
  });

  it("is accepted by a host whatever its args are", () => {
    compiles(() => new Baton({ connection: "postgres://localhost", workers: [double] }));
    // @ts-expect-error -- a module is no worker
    compiles(() => new Baton({ connection: "postgres://localhost", workers: [{ default: double }] }));
  });
});

describe("types: workerRef", () => {
  it("infers args and result from the worker's type alone", () => {
    const ref = workerRef<typeof Double>("double");
    expectTypeOf(ref.new).parameter(0).toEqualTypeOf<{ int: number }>();
    expectTypeOf(ref.new({ int: 1 })).toEqualTypeOf<NewJob<number>>();
  });

  it("keeps a result of undefined, and args of any type", () => {
    const nothing = defineWorker(url, { name: "w", perform: () => {} });
    expectTypeOf(workerRef<typeof nothing>("w").new()).toEqualTypeOf<NewJob<undefined>>();
  });

  it("rejects wrong args", () => {
    // @ts-expect-error -- a text is no number
    compiles(() => workerRef<typeof Double>("double").new({ int: "1" }));
  });
});

describe("types: results", () => {
  it("reach await through the relay", () => {
    compiles(async () => {
      const relay = await baton.async(double.new({ int: 2 }));
      expectTypeOf(relay).toEqualTypeOf<Relay<number>>();
      const result = await baton.await(relay);
      expectTypeOf(result).toEqualTypeOf<AwaitResult<number>>();
      if (result.ok) expectTypeOf(result.value).toEqualTypeOf<number>();
      else {
        expectTypeOf(result.error).toEqualTypeOf<
          "discarded" | "cancelled" | "snoozed" | "result_too_large" | "timeout" | Error
        >();
        expectTypeOf(result.seconds).toEqualTypeOf<number | undefined>();
        // @ts-expect-error -- there is no value without ok
        expectTypeOf(result.value);
      }
    });
  });

  it("keep undefined as a possible value", () => {
    compiles(async () => {
      const find = defineWorker(url, { name: "w", perform: (job: Job<{ in: string[] }>) => job.args.in.at(0) });
      const relay = await baton.async(find.new({ in: [] }));
      expectTypeOf(await baton.await(relay)).toEqualTypeOf<AwaitResult<string | undefined>>();
      expectTypeOf(await baton.call(find.new({ in: [] }))).toEqualTypeOf<string | undefined>();
    });
  });

  it("are returned by call without a wrapper", () => {
    compiles(async () => expectTypeOf(await baton.call(double.new({ int: 2 }))).toEqualTypeOf<number>());
  });

  it("keep their positions in awaitMany and asyncMany", () => {
    compiles(async () => {
      const text = defineWorker(url, { name: "w", perform: (job: Job<{ a: string }>) => job.args.a });
      const relays = await baton.asyncMany([double.new({ int: 2 }), text.new({ a: "b" })]);
      expectTypeOf(relays[0]).toEqualTypeOf<Relay<number>>();
      expectTypeOf(relays[1]).toEqualTypeOf<Relay<string>>();
      const results = await baton.awaitMany([relays[0], relays[1]], 5_000);
      expectTypeOf(results).toEqualTypeOf<[AwaitResult<number>, AwaitResult<string>]>();
    });
  });

  it("keep their type in an array of any length", () => {
    compiles(async () => {
      const relays = await baton.asyncMany([1, 2, 3].map((int) => double.new({ int })));
      expectTypeOf(relays).toEqualTypeOf<Relay<number>[]>();
      expectTypeOf(await baton.awaitMany(relays)).toEqualTypeOf<AwaitResult<number>[]>();
    });
  });

  it("are not awaited through the relay itself: a relay is not thenable", () => {
    expectTypeOf<Relay<number>>().not.toHaveProperty("then");
  });

  it("are awaited by relay and known options: anything else does not compile", () => {
    // @ts-expect-error -- a job is no relay
    compiles(() => baton.await(double.new({ int: 1 })));
    // @ts-expect-error -- a promise of a relay is not a relay
    compiles(() => baton.await(baton.async(double.new({ int: 1 }))));
    // @ts-expect-error -- it is called withRetries
    compiles(() => baton.await({} as Relay<number>, { retries: true }));
  });

  it("may be of error classes with any constructor", () => {
    class PaperError extends Error {
      constructor(
        readonly tray: number,
        readonly sheets: string,
      ) {
        super(`${tray} ${sheets}`);
      }
    }
    compiles(() => new Baton({ connection: "postgres://localhost", errors: [PaperError, TypeError] }));
    // @ts-expect-error -- an instance is no class
    compiles(() => new Baton({ connection: "postgres://localhost", errors: [new PaperError(1, "")] }));
  });
});

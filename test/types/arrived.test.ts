import { expectTypeOf } from "expect-type";
import { type Arrived, type Baton, defineWorker, type Job, type NewJob, snooze } from "../../lib/index.js";

// The compiler checks these tests: a test that compiles has passed. They run nothing.
const baton = null as unknown as Baton;
const url = import.meta.url;

/** Compiled, never called. */
function compiles(_never: () => unknown): void {}

class Point {
  readonly x: number = 1;
  label?: string;
  readonly #secret = 1;
  length(): number {
    return this.x + this.#secret;
  }
}

interface Row {
  readonly id: number;
  name?: string;
  parent: Row | null;
  kind: "a" | "b";
  tuple: readonly [number, string];
}

type Branded = string & { readonly brand: "id" };

describe("types: a result after the transfer", () => {
  it("is an instance without its methods", () => {
    expectTypeOf<Arrived<Point>>().toEqualTypeOf<{ readonly x: number; label?: string }>();
    const worker = defineWorker(url, { name: "w", perform: () => new Point() });
    compiles(async () => {
      const point = await baton.call(worker.new());
      expectTypeOf(point.x).toEqualTypeOf<number>();
      // @ts-expect-error -- methods are lost
      expectTypeOf(point.length);
    });
  });

  it("loses methods at any depth, in arrays, tuples, unions and records", () => {
    type Plain = { readonly x: number; label?: string };
    expectTypeOf<Arrived<Point[]>>().toEqualTypeOf<Plain[]>();
    expectTypeOf<Arrived<readonly [Point, number]>>().toEqualTypeOf<readonly [Plain, number]>();
    expectTypeOf<Arrived<{ a: { b: Point | null } }>>().toEqualTypeOf<{ a: { b: Plain | null } }>();
    expectTypeOf<Arrived<Record<string, Point>>>().toEqualTypeOf<Record<string, Plain>>();
    expectTypeOf<Arrived<Point | string | undefined>>().toEqualTypeOf<Plain | string | undefined>();
  });

  it("keeps its type if nothing is lost", () => {
    expectTypeOf<Arrived<Row>>().toEqualTypeOf<Row>();
    expectTypeOf<Arrived<Row[]>>().toEqualTypeOf<Row[]>();
    expectTypeOf<Arrived<Branded>>().toEqualTypeOf<Branded>();
    expectTypeOf<Arrived<{ id: Branded; list: readonly string[] }>>().toEqualTypeOf<{
      id: Branded;
      list: readonly string[];
    }>();
    expectTypeOf<Arrived<unknown>>().toEqualTypeOf<unknown>();
    expectTypeOf<Arrived<any>>().toBeAny(); // oxlint-disable-line typescript/no-explicit-any -- any is what is tested
    expectTypeOf<Arrived<never>>().toEqualTypeOf<never>();
    expectTypeOf<Arrived<object>>().toEqualTypeOf<object>();
    expectTypeOf<Arrived<Record<string, unknown>>>().toEqualTypeOf<Record<string, unknown>>();
  });

  it("keeps built-in classes", () => {
    type Builtin = {
      date: Date;
      map: Map<string, Date>;
      set: ReadonlySet<number>;
      buffer: Buffer;
      ints: Int32Array;
      view: DataView;
      bytes: ArrayBuffer;
      error: RangeError;
      url: URL;
      pattern: RegExp;
      big: bigint;
    };
    expectTypeOf<Arrived<Builtin>>().toEqualTypeOf<Builtin>();
    class PaperError extends Error {
      readonly tray = 1;
      describe(): string {
        return this.message;
      }
    }
    expectTypeOf<Arrived<PaperError>>().toEqualTypeOf<PaperError>();
  });

  it("is inferred through promises and control values", () => {
    const worker = defineWorker(url, {
      name: "w",
      perform: async ({ args }: Job<{ late: boolean }>) => (args.late ? snooze(1) : { points: [new Point()] }),
    });
    expectTypeOf(worker.new({ late: true })).toEqualTypeOf<
      NewJob<{ points: { readonly x: number; label?: string }[] }>
    >();
  });
});

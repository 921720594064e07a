import { expect } from "chai";
import { defineWorker, InvalidOptionError, isWorker, snooze, workerRef } from "../lib/index.js";
import double from "../examples/workers/double.js";

const perform = (): void => {};
const url = import.meta.url;

/** Accepts any arguments, as in JavaScript. */
const define = defineWorker as unknown as (url: unknown, definition: unknown) => unknown;

describe("defineWorker", () => {
  for (const [what, url_, definition, option] of [
    ["no URL", { name: "w", perform }, undefined, "url"],
    ["a path instead of a URL", "/app/worker.js", { name: "w", perform }, "url"],
    ["no definition", url, undefined, "definition"],
    ["no name", url, { perform }, "name"],
    ["an empty name", url, { name: "", perform }, "name"],
    ["a name with spaces", url, { name: "a b", perform }, "name"],
    ["no perform", url, { name: "w" }, "perform"],
    ["a backoff that is a number", url, { name: "w", perform, backoff: 5 }, "backoff"],
    ["a resultLimit under 64 bytes", url, { name: "w", perform, resultLimit: 63 }, "resultLimit"],
    ["a resultLimit over 64 MiB", url, { name: "w", perform, resultLimit: 67_108_865 }, "resultLimit"],
    ["half a byte", url, { name: "w", perform, resultLimit: 100.5 }, "resultLimit"],
    ["a batch of 0", url, { name: "w", perform, batch: 0 }, "batch"],
    ["a batch over 100", url, { name: "w", perform, batch: 101 }, "batch"],
    ["half a batch", url, { name: "w", perform, batch: 1.5 }, "batch"],
    ["a resultLimit as a string", url, { name: "w", perform, resultLimit: "1MB" }, "resultLimit"],
    ["an option misspelt", url, { name: "w", perform, prio: 1 }, "prio"],
    ["a time, which belongs to a job", url, { name: "w", perform, scheduleIn: 1 }, "scheduleIn"],
    ["a bad queue", url, { name: "w", perform, queue: "a b" }, "queue"],
    ["a negative priority", url, { name: "w", perform, priority: -1 }, "priority"],
    ["no attempts", url, { name: "w", perform, maxAttempts: 0 }, "maxAttempts"],
    ["tags that are not an array", url, { name: "w", perform, tags: "a" }, "tags"],
    ["meta that is not JSON", url, { name: "w", perform, meta: { a: 1n } }, "meta.a"],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(() => define(url_, definition))
        .to.throw(InvalidOptionError)
        .that.includes({ code: "ERR_BATON_INVALID_OPTION", option });
    });
  }

  it("creates jobs as plain data, and overrides its defaults one by one", () => {
    const worker = defineWorker(url, { name: "w", queue: "q", priority: 3, tags: ["t"], perform });
    expect(worker.new({ a: 1 })).to.deep.equal({
      worker: "w",
      args: { a: 1 },
      options: { queue: "q", priority: 3, tags: ["t"] },
    });
    expect(worker.new({}, { priority: 0, scheduleIn: 5 }).options).to.deep.equal({
      queue: "q",
      priority: 0,
      tags: ["t"],
      scheduleIn: 5,
    });
  });

  it("keeps its batch out of its jobs", () => {
    for (const batch of [1, 100]) {
      const worker = defineWorker(url, { name: "w", batch, perform });
      expect(worker.batch).to.equal(batch);
      expect(worker.new().options).to.deep.equal({});
    }
  });

  it("keeps its resultLimit out of its jobs", () => {
    for (const resultLimit of [64, 67_108_864]) {
      const worker = defineWorker(url, { name: "w", resultLimit, perform });
      expect(worker.resultLimit).to.equal(resultLimit);
      expect(worker.new({}).options).to.deep.equal({});
    }
    expect(defineWorker(url, { name: "w", perform }).resultLimit).to.equal(undefined);
  });

  it("returns a frozen worker that isWorker recognises", () => {
    expect(isWorker(double)).to.equal(true);
    expect(isWorker({ ...double })).to.equal(false);
    expect(double).to.satisfy(Object.isFrozen);
  });
});

describe("workerRef", () => {
  it("creates jobs by the worker's name, with the given defaults", () => {
    const ref = workerRef<typeof double>("double", { queue: "q" });
    expect(ref.new({ int: 2 })).to.deep.equal({ worker: "double", args: { int: 2 }, options: { queue: "q" } });
    expect(ref.new({ int: 2 }, { queue: "other" }).options).to.deep.equal({ queue: "other" });
  });

  it("refuses an invalid name and invalid defaults", () => {
    expect(() => workerRef("")).to.throw(InvalidOptionError, "name of workerRef");
    expect(() => workerRef("w", { priority: 0.5 })).to.throw(InvalidOptionError, "priority");
  });
});

describe("snooze", () => {
  it("refuses anything but a number of seconds", () => {
    for (const seconds of [-1, Number.NaN, Number.POSITIVE_INFINITY, "5", undefined]) {
      expect(() => snooze(seconds as number)).to.throw(RangeError, "seconds");
    }
  });
});

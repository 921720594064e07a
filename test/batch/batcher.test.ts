import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { StoppedError } from "../../lib/errors.js";
import { Batcher, type BatcherOptions } from "../../lib/batch/batcher.js";
import { isPassing } from "../../lib/postgres/failure.js";
import { Telemetry } from "../../lib/telemetry.js";
import { until } from "../support/until.js";

/** An error as pg throws it when the server refuses a value. */
function refusal(message: string): Error {
  return Object.assign(new Error(message), { code: "22P02", severity: "ERROR" });
}

describe("a batcher", () => {
  let batches: string[][];
  let gates: (() => void)[];
  let telemetry: Telemetry;

  beforeEach(() => {
    batches = [];
    gates = [];
    telemetry = new Telemetry("test");
  });

  /** A batcher whose batches each wait until {@link openGate}. */
  function gated(options: Partial<BatcherOptions<string, string>> = {}): Batcher<string, string> {
    return make({
      flush: async (items) => {
        batches.push(items);
        await new Promise<void>((resolve) => gates.push(resolve));
        return items.map((item) => item.toUpperCase());
      },
      ...options,
    });
  }

  function make(options: Partial<BatcherOptions<string, string>>): Batcher<string, string> {
    const flush = async (items: string[]): Promise<string[]> => items;
    return new Batcher({ name: "test", limit: 100, patience: Infinity, isPassing, telemetry, flush, ...options });
  }

  async function openGate(): Promise<void> {
    while (gates.length === 0) await new Promise((resolve) => setImmediate(resolve));
    gates.shift()?.();
  }

  it("sends the first item at once, and those that arrive meanwhile together in the next batch", async () => {
    const batcher = gated();
    const first = batcher.push("a");
    await Promise.resolve();
    const rest = [batcher.push("b"), batcher.push("c")];
    await openGate();
    expect(await first).to.equal("A");
    await openGate();
    expect(await Promise.all(rest)).to.deep.equal(["B", "C"]);
    expect(batches).to.deep.equal([["a"], ["b", "c"]]);
  });

  it("sends items together that are pushed in one go", async () => {
    const batcher = gated();
    const all = Promise.all(["a", "b"].map((item) => batcher.push(item)));
    await openGate();
    expect(await all).to.deep.equal(["A", "B"]);
    expect(batches).to.deep.equal([["a", "b"]]);
  });

  it("gathers under load: an item after a large batch waits for company, no longer than that took", async () => {
    const batcher = gated();
    const many = Promise.all(["a", "b", "c", "d"].map((item) => batcher.push(item)));
    await until(() => gates.length > 0, "the batch to leave");
    await sleep(20);
    await openGate();
    await many;
    const next = batcher.push("e");
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    expect(batches, "not at once").to.have.length(1);
    await openGate();
    expect(await next).to.equal("E");
  });

  it("lets items that are not urgent wait for company, until one is urgent or it drains", async () => {
    const batcher = gated({ isUrgent: (item) => item !== "slow" });
    const first = [batcher.push("slow"), batcher.push("slow")];
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    expect(batches, "not at once").to.deep.equal([]);
    const urgent = batcher.push("urgent");
    await openGate();
    await Promise.all([...first, urgent]);
    expect(batches).to.deep.equal([["slow", "slow", "urgent"]]);
    const last = batcher.push("slow");
    const drained = batcher.drain();
    await openGate();
    await Promise.all([last, drained]);
    const alone = batcher.push("slow");
    await openGate();
    expect(await alone, "sent alone in the end").to.equal("SLOW");
  });

  it("keeps its limits of number and weight; a heavier item travels alone", async () => {
    const batcher = make({
      limit: 2,
      weigh: (item) => item.length,
      maxWeight: 4,
      flush: async (items) => {
        batches.push(items);
        return items;
      },
    });
    const items = ["a", "b", "c", "dddd", "ee", "ff", "gggggg"];
    expect(await Promise.all(items.map((item) => batcher.push(item)))).to.deep.equal(items);
    expect(batches).to.deep.equal([["a", "b"], ["c"], ["dddd"], ["ee", "ff"], ["gggggg"]]);
  });

  it("sends a batch again after a passing failure, and reports it", async () => {
    let failures = 2;
    const batcher = make({
      flush: async (items) => {
        failures -= 1;
        if (failures >= 0) throw Object.assign(new Error("gone"), { code: "ECONNRESET" });
        return items;
      },
    });
    expect(await batcher.push("a")).to.equal("a");
    expect(telemetry.counts()).to.deep.equal({ "batch:retry": 2 });
  });

  it("rejects only the item at fault", async () => {
    const batcher = make({
      flush: async (items) => {
        if (items.includes("bad")) throw refusal("bad row");
        return items;
      },
    });
    const items = ["a", "b", "bad", "c", "d"];
    const results = await Promise.allSettled(items.map((item) => batcher.push(item)));
    expect(results.map(({ status }) => status === "fulfilled")).to.deep.equal([true, true, false, true, true]);
  });

  it("says that an earlier try may have succeeded after a passing failure, and only then", async () => {
    const attempts: { items: string[]; again: boolean }[] = [];
    const batcher = make({
      flush: async (items, { again }) => {
        attempts.push({ items, again });
        if (attempts.length === 1) throw Object.assign(new Error("gone"), { code: "ECONNRESET" });
        if (items.includes("bad")) throw refusal("bad row");
        return items;
      },
    });
    await Promise.allSettled(["a", "bad"].map((item) => batcher.push(item)));
    expect(attempts, "the pieces of a batch may be written like the whole").to.deep.equal([
      { items: ["a", "bad"], again: false },
      { items: ["a", "bad"], again: true },
      { items: ["a"], again: true },
      { items: ["bad"], again: true },
    ]);
    attempts.length = 1;
    await Promise.allSettled(["b", "bad"].map((item) => batcher.push(item)));
    expect(attempts.slice(1)).to.deep.equal([
      { items: ["b", "bad"], again: false },
      { items: ["b"], again: false },
      { items: ["bad"], again: false },
    ]);
  });

  it("splits a batch after a passing failure that may be one item's fault", async () => {
    const attempts: { items: string[]; again: boolean }[] = [];
    let failures = 2;
    const batcher = make({
      suspicious: () => true,
      patience: 0,
      flush: async (items, { again }) => {
        attempts.push({ items, again });
        if (items.includes("slow") && failures-- > 0) throw Object.assign(new Error("slow"), { code: "57014" });
        return items;
      },
    });
    const results = await Promise.allSettled(["a", "slow"].map((item) => batcher.push(item)));
    expect(results.map(({ status }) => status)).to.deep.equal(["fulfilled", "rejected"]);
    expect(attempts).to.deep.equal([
      { items: ["a", "slow"], again: false },
      { items: ["a"], again: true },
      { items: ["slow"], again: true },
    ]);
    expect(telemetry.counts()).to.deep.equal({ "batch:retry": 2 });
  });

  it("rejects an item that it has retried for longer than its patience", async () => {
    const batcher = make({
      patience: 0,
      flush: async () => {
        throw new Error("away");
      },
    });
    expect(((await batcher.push("a").catch((error: unknown) => error)) as Error).message).to.equal("away");
  });

  it("drains: resolves once nothing is pending", async () => {
    const batcher = gated();
    const push = batcher.push("a");
    expect(batcher.pending).to.equal(1);
    const drained = batcher.drain();
    await openGate();
    await drained;
    expect(batcher.pending).to.equal(0);
    expect(await push).to.equal("A");
  });

  it("stops: rejects waiting and later items, while the batch under way succeeds", async () => {
    const batcher = gated();
    const flying = batcher.push("a");
    await Promise.resolve();
    const waiting = batcher.push("b").catch((error: unknown) => error);
    batcher.stop();
    expect(await waiting).to.be.instanceOf(StoppedError);
    expect(await batcher.push("c").catch((error: unknown) => error)).to.be.instanceOf(StoppedError);
    await openGate();
    expect(await flying).to.equal("A");
  });

  it("closes in time when every batch fails", async () => {
    const batcher = make({
      flush: async () => {
        throw new Error("away");
      },
    });
    const push = batcher.push("a").catch((error: unknown) => error);
    await batcher.close(10);
    expect(await push).to.be.instanceOf(Error);
  });
});

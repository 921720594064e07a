import { expect } from "chai";
import type { StoredAnswer } from "../../lib/job/answer.js";
import { ReadQueue, type ReadQueueOptions, type RowListener } from "../../lib/relay/read-queue.js";
import { Telemetry } from "../../lib/telemetry.js";
import { until } from "../support/until.js";

function row(ref: string): StoredAnswer {
  return { ref, id: 1, state: "executing", attempt: 1, host: null, answer: null };
}

/** An error of PostgreSQL, as the driver throws it. */
function refusal(code: string): Error {
  return Object.assign(new Error(code), { code, severity: "ERROR" });
}

const REFUSED = refusal("42501");

class Listener implements RowListener {
  readonly heard: [string, StoredAnswer | null | undefined][] = [];

  onRow(ref: string, of: StoredAnswer | null | undefined): void {
    this.heard.push([ref, of]);
  }
}

describe("the read queue", () => {
  let telemetry: Telemetry;
  let calls: string[][];
  let read: ReadQueueOptions["read"];
  let queue: ReadQueue;
  /** Completes the statement under way. */
  let answer: () => void;

  beforeEach(() => {
    telemetry = new Telemetry("test");
    calls = [];
    read = (refs) =>
      new Promise((resolve) => {
        answer = () => resolve(refs.map(row));
      });
    queue = make();
  });

  afterEach(() => queue.stop());

  function make(options: Partial<ReadQueueOptions> = {}): ReadQueue {
    return new ReadQueue({
      name: "test",
      limit: 3,
      read: (refs, progress) => {
        calls.push([...refs]);
        return read(refs, progress);
      },
      onRow: (ref, of, { listeners }) => {
        for (const listener of listeners) listener.onRow(ref, of, "nothing new");
      },
      telemetry,
      ...options,
    });
  }

  async function ended(): Promise<void> {
    await until(() => queue.pending === 0, "all to be read");
  }

  it("reads in order, each ref once for all requests, up to the limit at a time", async () => {
    const [one, two] = [new Listener(), new Listener()];
    read = async (refs) => refs.filter((ref) => ref !== "c").map(row);
    for (const ref of ["a", "b", "c", "d", "a"]) queue.push(ref, { via: "notify" }, [one]);
    queue.push("a", { via: "notify" }, [two]);
    await ended();
    expect(calls).to.deep.equal([["a", "b", "c"], ["d"]]);
    expect(one.heard).to.deep.equal([
      ["a", row("a")],
      ["b", row("b")],
      ["c", null],
      ["d", row("d")],
    ]);
    expect(two.heard).to.deep.equal([["a", row("a")]]);
  });

  it("reads a ref again that is being read, since the row may have changed", async () => {
    expect(queue.push("a", { via: "notify" })).to.equal(true);
    await until(() => calls.length === 1, "the first");
    expect(queue.push("a", { via: "notify" })).to.equal(true);
    expect(queue.push("a", { via: "notify" })).to.equal(false);
    answer();
    await until(() => calls.length === 2, "the second");
    answer();
    await ended();
  });

  it("joins a read under way with `joins`", async () => {
    queue = make({ joins: true });
    const listener = new Listener();
    queue.push("a", { via: "notify" });
    await until(() => calls.length === 1, "the first");
    expect(queue.push("a", { via: "notify" }, [listener])).to.equal(false);
    answer();
    await ended();
    expect(listener.heard).to.have.length(1);
    expect(calls).to.have.length(1);
  });

  it("reads at most `maxSize` bytes at a time, or one larger answer alone", async () => {
    queue = make({ maxSize: 10 });
    read = async (refs) => refs.map(row);
    for (const [ref, size] of [
      ["a", 6],
      ["b", 4],
      ["c", 1],
      ["d", 20],
      ["e", 1],
    ] as const) {
      queue.push(ref, { via: "notify", size });
    }
    await ended();
    expect(calls).to.deep.equal([["a", "b"], ["c"], ["d"], ["e"]]);
  });

  it("forgets dropped refs while the database is away, also those it retries", async () => {
    const listener = new Listener();
    read = () => Promise.reject(new Error("away"));
    for (let n = 0; n < 100; n += 1) queue.push(`ref ${n}`, { via: "reconcile" }, [listener]);
    await until(() => calls.length >= 2, "a second try");
    expect(queue.pending).to.equal(100);
    for (let n = 1; n < 100; n += 1) queue.drop(`ref ${n}`);
    expect(queue.pending).to.equal(1);
    expect(listener.heard).to.have.length(99);
    const before = calls.length;
    await until(() => calls.length > before + 1, "other tries");
    expect(calls.at(-1)).to.deep.equal(["ref 0"]);
    queue.drop("ref 0");
    await until(() => calls.length > 0 && queue.pending === 0, "an end");
  });

  it("drops refs of no use once more are pending than the limit", async () => {
    for (let n = 0; n < 100; n += 1) queue.push(`ref ${n}`, { via: "reconcile" });
    queue.compact(100, () => false);
    expect(queue.pending).to.equal(100);
    queue.compact(99, (ref) => ref === "ref 50");
    expect(queue.pending).to.equal(1);
  });

  it("does not call back a listener that has withdrawn", async () => {
    const [one, two] = [new Listener(), new Listener()];
    queue.push("a", { via: "notify" }, [one, two]);
    await until(() => calls.length === 1, "the statement");
    queue.withdraw("a", one);
    answer();
    await ended();
    expect([one.heard.length, two.heard.length]).to.deep.equal([0, 1]);
  });

  it("retries after transient failures, and at once on `retryNow`", async () => {
    let failures = 0;
    read = async (refs) => {
      failures += 1;
      if (failures < 3) throw new Error("away");
      return refs.map(row);
    };
    const listener = new Listener();
    queue.push("a", { via: "notify" }, [listener]);
    await until(() => failures === 1, "a failure");
    queue.retryNow();
    await ended();
    expect(listener.heard).to.deep.equal([["a", row("a")]]);
    expect(telemetry.counts()).to.deep.equal({ "batch:retry": 2 });
  });

  it("isolates a ref that the database refuses, and reads the others", async () => {
    const listener = new Listener();
    read = async (refs) => {
      if (refs.includes("b")) throw REFUSED;
      return refs.map(row);
    };
    for (const ref of ["a", "b", "c"]) queue.push(ref, { via: "notify" }, [listener]);
    await ended();
    expect(new Map(listener.heard)).to.deep.equal(
      new Map([
        ["a", row("a")],
        ["b", undefined],
        ["c", row("c")],
      ]),
    );
    expect(telemetry.counts()).to.deep.equal({ "service:error": 1 });
  });

  it("knows when the database last replied, in part or in full", async () => {
    let progress: () => void = () => {};
    let answered: () => void = () => {};
    read = (refs, onProgress) => {
      progress = onProgress;
      return new Promise((resolve) => {
        answered = () => resolve(refs.map(row));
      });
    };
    queue.push("a", { via: "notify" });
    await until(() => calls.length === 1, "the statement");
    expect(queue.repliedAt).to.equal(Number.NEGATIVE_INFINITY);
    progress();
    const { repliedAt } = queue;
    expect(repliedAt).to.be.within(performance.now() - 5_000, performance.now());
    answered();
    await ended();
    expect(queue.repliedAt).to.be.at.least(repliedAt);
  });
});

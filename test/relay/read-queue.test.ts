import { expect } from "chai";
import type { StoredAnswer } from "../../lib/job/answer.js";
import { type Asker, Asks, type AsksOptions } from "../../lib/relay/asks.js";
import { Telemetry } from "../../lib/telemetry.js";
import { until } from "../support/until.js";

function row(ref: string): StoredAnswer {
  return { ref, id: 1, state: "executing", attempt: 1, host: null, answer: null };
}

/** PostgreSQL's own error, as the driver gives it. */
function refusal(code: string): Error {
  return Object.assign(new Error(code), { code, severity: "ERROR" });
}

const REFUSED = refusal("42501");

class Listener implements Asker {
  readonly heard: [string, StoredAnswer | null | undefined][] = [];

  onRow(ref: string, of: StoredAnswer | null | undefined): void {
    this.heard.push([ref, of]);
  }
}

describe("asking for rows", () => {
  let telemetry: Telemetry;
  let calls: string[][];
  let read: AsksOptions["read"];
  let asks: Asks;
  /** Lets the statement under way have its answer. */
  let answer: () => void;

  beforeEach(() => {
    telemetry = new Telemetry("test");
    calls = [];
    read = (refs) =>
      new Promise((resolve) => {
        answer = () => resolve(refs.map(row));
      });
    asks = make();
  });

  afterEach(() => asks.stop());

  function make(options: Partial<AsksOptions> = {}): Asks {
    return new Asks({
      name: "test",
      limit: 3,
      read: (refs, progress) => {
        calls.push([...refs]);
        return read(refs, progress);
      },
      onRow: (ref, of, { askers }) => {
        for (const asker of askers) asker.onRow(ref, of, false, false);
      },
      telemetry,
      ...options,
    });
  }

  async function ended(): Promise<void> {
    await until(() => asks.pending === 0, "all to be answered");
  }

  it("reads in order, each ref once however many ask, no more than the limit at a time", async () => {
    const [one, two] = [new Listener(), new Listener()];
    read = async (refs) => refs.filter((ref) => ref !== "c").map(row);
    for (const ref of ["a", "b", "c", "d", "a"]) asks.ask(ref, { via: "notify" }, [one]);
    asks.ask("a", { via: "notify" }, [two]);
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

  it("asks again for a ref that is on its way: the row may have changed since", async () => {
    expect(asks.ask("a", { via: "notify" })).to.equal(true);
    await until(() => calls.length === 1, "the first");
    expect(asks.ask("a", { via: "notify" })).to.equal(true);
    expect(asks.ask("a", { via: "notify" })).to.equal(false);
    answer();
    await until(() => calls.length === 2, "the second");
    answer();
    await ended();
  });

  it("joins one that is on its way, where that is meant", async () => {
    asks = make({ joins: true });
    const listener = new Listener();
    asks.ask("a", { via: "notify" });
    await until(() => calls.length === 1, "the first");
    expect(asks.ask("a", { via: "notify" }, [listener])).to.equal(false);
    answer();
    await ended();
    expect(listener.heard).to.have.length(1);
    expect(calls).to.have.length(1);
  });

  it("reads no more bytes at a time than it may, but one answer alone", async () => {
    asks = make({ maxSize: 10 });
    read = async (refs) => refs.map(row);
    for (const [ref, size] of [
      ["a", 6],
      ["b", 4],
      ["c", 1],
      ["d", 20],
      ["e", 1],
    ] as const) {
      asks.ask(ref, { via: "notify", size });
    }
    await ended();
    expect(calls).to.deep.equal([["a", "b"], ["c"], ["d"], ["e"]]);
  });

  it("keeps nothing that was dropped while the database is away, also not of what it tries again", async () => {
    const listener = new Listener();
    read = () => Promise.reject(new Error("away"));
    for (let n = 0; n < 100; n += 1) asks.ask(`ref ${n}`, { via: "reconcile" }, [listener]);
    await until(() => calls.length >= 2, "a second try");
    expect(asks.pending).to.equal(100);
    for (let n = 1; n < 100; n += 1) asks.drop(`ref ${n}`);
    expect(asks.pending).to.equal(1);
    expect(listener.heard).to.have.length(99);
    const before = calls.length;
    await until(() => calls.length > before + 1, "other tries");
    expect(calls.at(-1)).to.deep.equal(["ref 0"]);
    asks.drop("ref 0");
    await until(() => calls.length > 0 && asks.pending === 0, "an end");
  });

  it("drops what is not wanted where more is pending than can be", async () => {
    for (let n = 0; n < 100; n += 1) asks.ask(`ref ${n}`, { via: "reconcile" });
    asks.compact(100, () => false);
    expect(asks.pending).to.equal(100);
    asks.compact(99, (ref) => ref === "ref 50");
    expect(asks.pending).to.equal(1);
  });

  it("calls nobody who has withdrawn", async () => {
    const [one, two] = [new Listener(), new Listener()];
    asks.ask("a", { via: "notify" }, [one, two]);
    await until(() => calls.length === 1, "the statement");
    asks.withdraw("a", one);
    answer();
    await ended();
    expect([one.heard.length, two.heard.length]).to.deep.equal([0, 1]);
  });

  it("tries again after what passes, and at once when it may have passed", async () => {
    let failures = 0;
    read = async (refs) => {
      failures += 1;
      if (failures < 3) throw new Error("away");
      return refs.map(row);
    };
    const listener = new Listener();
    asks.ask("a", { via: "notify" }, [listener]);
    await until(() => failures === 1, "a failure");
    asks.retryNow();
    await ended();
    expect(listener.heard).to.deep.equal([["a", row("a")]]);
    expect(telemetry.counts()).to.deep.equal({ "batch:retry": 2 });
  });

  it("says of a ref that the database refuses that it cannot be read, and reads its neighbours", async () => {
    const listener = new Listener();
    read = async (refs) => {
      if (refs.includes("b")) throw REFUSED;
      return refs.map(row);
    };
    for (const ref of ["a", "b", "c"]) asks.ask(ref, { via: "notify" }, [listener]);
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

  it("knows when the database answered last, in part or at all", async () => {
    let progress: () => void = () => {};
    let answered: () => void = () => {};
    read = (refs, onProgress) => {
      progress = onProgress;
      return new Promise((resolve) => {
        answered = () => resolve(refs.map(row));
      });
    };
    asks.ask("a", { via: "notify" });
    await until(() => calls.length === 1, "the statement");
    expect(asks.answeredAt).to.equal(Number.NEGATIVE_INFINITY);
    progress();
    const { answeredAt } = asks;
    expect(answeredAt).to.be.within(performance.now() - 5_000, performance.now());
    answered();
    await ended();
    expect(asks.answeredAt).to.be.at.least(answeredAt);
  });
});

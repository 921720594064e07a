import { expect } from "chai";
import { Acks } from "../../lib/runner/acks.js";
import type { Ack } from "../../lib/engine/complete.js";
import { Telemetry } from "../../lib/telemetry.js";
import { completed, valueOf } from "../support/engines.js";
import { until } from "../support/until.js";

const MIB = 1_024 * 1_024;

describe("acks", () => {
  let acks: Acks;
  /** The statements under way: the ids that each writes, and what completes it. */
  let statements: { ids: number[]; done: () => void }[];
  let eased: number;

  beforeEach(() => {
    statements = [];
    eased = 0;
    const complete = async (batch: readonly Ack[]): Promise<boolean[]> => {
      await new Promise<void>((done) => statements.push({ ids: batch.map(({ id }) => id), done }));
      return batch.map(() => true);
    };
    acks = new Acks({
      engine: {
        complete,
        interrupt: () => Promise.reject(new Error("nothing is interrupted here")),
        writable: async () => {},
      },
      telemetry: new Telemetry("test"),
      hasBacklog: () => false,
      onCapacity: () => (eased += 1),
    });
  });

  function push(id: number, size: number): Promise<boolean> {
    return acks.push({ id, claim: 1, transition: completed(valueOf(Buffer.alloc(size))), awaited: true });
  }

  it("write small outcomes together, and large ones one by one beside them", async () => {
    void push(1, 10);
    void push(2, MIB);
    void push(3, 20);
    void push(4, 2 * MIB);
    await until(() => statements.length === 2, "both lanes");
    expect(statements.map(({ ids }) => ids)).to.deep.equal([[1, 3], [2]]);
    statements[1]?.done();
    await until(() => statements.length === 3, "the next large one");
    expect(statements[2]?.ids).to.deep.equal([4]);
  });

  it("are congested beyond 64 MiB, and say when that is over", async () => {
    void push(1, 40 * MIB);
    const second = push(2, 40 * MIB);
    expect(acks).to.include({ congested: true, pending: 2 });
    await until(() => statements.length === 1, "the first statement");
    statements[0]?.done();
    await until(() => eased > 0, "the end of the congestion");
    expect(acks).to.include({ congested: false, pending: 1 });
    await until(() => statements.length === 2, "the second statement");
    statements[1]?.done();
    expect(await second).to.equal(true);
    expect(eased).to.equal(1);
  });

  it("are congested beyond a thousand outcomes", () => {
    for (let id = 0; id <= 1_000; id += 1) void push(id, 0);
    expect(acks.congested).to.equal(true);
  });

  it("write what waits on closing, in both lanes", async () => {
    const written = [push(1, 10), push(2, MIB)];
    const closed = acks.close(10_000);
    await until(() => statements.length === 2, "both lanes");
    for (const { done } of statements) done();
    await closed;
    expect(await Promise.all(written)).to.deep.equal([true, true]);
  });
});

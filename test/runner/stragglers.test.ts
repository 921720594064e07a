import { expect } from "chai";
import { Acks } from "../../lib/runner/acks.js";
import type { Ack } from "../../lib/engine/complete.js";
import { Stragglers } from "../../lib/runner/stragglers.js";
import { Telemetry } from "../../lib/telemetry.js";
import { completed } from "../support/engines.js";
import { until } from "../support/until.js";

/** An error as the server raises it. */
function raised(code: string): Error {
  return Object.assign(new Error(`raised ${code}`), { code, severity: "ERROR" });
}

const TIMED_OUT = raised("57014");
const REFUSED = raised("22001");

describe("an outcome that the database does not write", () => {
  let acks: Acks;
  /** The error with which each write of a job's outcome fails, by the job's id. */
  let faults: Map<number, Error>;
  /** How often each outcome was tried, by the job's id. */
  let tries: Map<number, number>;
  let writable: boolean;

  beforeEach(() => {
    faults = new Map();
    tries = new Map();
    writable = true;
    const complete = async (batch: readonly Ack[]): Promise<boolean[]> => {
      for (const { id } of batch) tries.set(id, (tries.get(id) ?? 0) + 1);
      for (const { id } of batch) if (faults.has(id)) throw faults.get(id) as Error;
      return batch.map(() => true);
    };
    acks = new Acks({
      engine: {
        complete,
        interrupt: () => Promise.reject(new Error("nothing is interrupted here")),
        writable: async () => {
          if (!writable) throw TIMED_OUT;
        },
      },
      telemetry: new Telemetry("test"),
      hasBacklog: () => false,
      onCapacity: () => {},
      pause: 5,
    });
  });

  afterEach(() => acks.close(0));

  function ack(id: number): Ack {
    return { id, claim: 1, transition: completed(), awaited: true };
  }

  it("is given up after three time-outs of its own, and holds up no other", async () => {
    faults.set(77, TIMED_OUT);
    const others = Array.from({ length: 100 }, (_, at) => at).filter((id) => id !== 77);
    const written = others.map((id) => acks.push(ack(id)));
    const faulty = acks.push(ack(77)).catch((error: unknown) => error);
    expect(await Promise.all(written)).to.deep.equal(others.map(() => true));
    const before = tries.get(77) ?? 0;
    expect(await faulty).to.equal(TIMED_OUT);
    expect(await acks.push(ack(200))).to.equal(true);
    expect((tries.get(77) ?? 0) - before, "the last try in a batch was its first alone").to.be.within(1, 2);
  });

  it("is tried three times, the one that timed out before included", async () => {
    const again: unknown[] = [];
    const stragglers = new Stragglers({
      engine: {
        complete: async (_acks, options) => {
          again.push(options);
          throw TIMED_OUT;
        },
        writable: async () => {},
      },
      telemetry: new Telemetry("test"),
      pause: 0,
    });
    expect(await stragglers.retry(ack(1)).catch((error: unknown) => error)).to.equal(TIMED_OUT);
    expect(again).to.deep.equal([{ again: true }, { again: true }]);
    expect(stragglers.pending).to.equal(0);
  });

  it("is retried after any number of time-outs while the database can write nothing", async () => {
    writable = false;
    faults.set(1, TIMED_OUT);
    const written = acks.push(ack(1));
    await until(() => (tries.get(1) ?? 0) > 10, "many tries");
    expect(acks).to.include({ pending: 1, congested: false });
    faults.clear();
    expect(await written).to.equal(true);
  });

  it("is given up at once if the database refuses it for good", async () => {
    faults.set(1, REFUSED);
    expect(await acks.push(ack(1)).catch((error: unknown) => error)).to.equal(REFUSED);
    expect(tries.get(1)).to.equal(1);
  });

  it("is never given up if it takes the place of one that was", async () => {
    faults.set(1, REFUSED);
    const written = acks.pushSubstitute(ack(1));
    await until(() => (tries.get(1) ?? 0) > 5, "many tries");
    faults.clear();
    expect(await written).to.equal(true);
  });
});

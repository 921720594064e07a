import { expect } from "chai";
import type { Baton, BatonOptions } from "../../lib/index.js";
import { Engine } from "../../lib/engine/engine.js";
import double from "../../examples/workers/double.js";
import { Gate } from "../support/gate.js";
import { useSystem } from "../support/system.js";
import { until } from "../support/until.js";
import { gated } from "../workers/gated.js";

/** Callers, and jobs: each caller ranks the hosts in an order of its own. */
const CALLERS = 8;

describe("without looks, calls alone bring each job to an idle host:", () => {
  const { hosts } = useSystem("test");
  // oxlint-disable-next-line typescript/unbound-method -- applied to the engine it is called on
  const { claim, tend } = Engine.prototype;
  /** The number of hosts that a host knows in its queue, by its id. */
  let known: Map<string, number>;

  beforeEach(() => {
    known = new Map();
    Engine.prototype.tend = async function blind(...values) {
      const tended = await tend.apply(this, values);
      known.set(this.host, tended.peers["default"]?.length ?? 0);
      return { ...tended, queues: [] };
    };
  });

  afterEach(() => Object.assign(Engine.prototype, { claim, tend }));

  /** Starts hosts that know each other. */
  async function startHosts(count: number, options: Partial<BatonOptions>): Promise<Baton[]> {
    const started = await Promise.all(Array.from({ length: count }, () => hosts.start(options)));
    await knownEach(count);
    return started;
  }

  async function knownEach(count: number): Promise<void> {
    await until(
      () => [...known.values()].filter((size) => size === count).length === count,
      "hosts to know each other",
    );
  }

  async function executing(baton: Baton): Promise<number> {
    return (await baton.counts()).reduce((sum, { state, jobs }) => (state === "executing" ? sum + jobs : sum), 0);
  }

  async function startCallers(): Promise<Baton[]> {
    return Promise.all(Array.from({ length: CALLERS }, () => hosts.start()));
  }

  async function callAll(callers: readonly Baton[]): Promise<void> {
    for (const [int, caller] of callers.entries()) expect(await caller.call(double.new({ int }))).to.equal(2 * int);
  }

  it("a job that is inserted during a claim, which misses it", async () => {
    const [caller] = [await hosts.start(), await hosts.start({ queues: { default: 2 } })];
    using gate = new Gate();
    const busy = await caller.asyncMany([1, 2].map(() => gated.new({ gate: gate.path })));
    await gate.started(2);
    await hosts.start({ queues: { default: 2 } });
    await knownEach(2);
    let release = (): void => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    Engine.prototype.claim = async function late(...values) {
      const result = await claim.apply(this, values);
      await released;
      return result;
    };
    const first = await caller.async(gated.new({ gate: gate.path, label: "first" }));
    await until(async () => (await executing(caller)) === 3, "its claim");
    const second = await caller.async(gated.new({ gate: gate.path, label: "second" }));
    // Meanwhile the hosts pass its call on to each other.
    await caller.await(second, 300);
    release();
    await gate.started(4);
    gate.open();
    await caller.awaitMany([...busy, first, second]);
  });

  it("a job whose host gets a free thread from another queue", async () => {
    const options = { queues: { default: 1, other: 1 }, threads: 1 };
    const [caller] = [await hosts.start(), ...(await startHosts(2, options))];
    using gate = new Gate();
    const busy = await caller.asyncMany([1, 2].map(() => gated.new({ gate: gate.path }, { queue: "other" })));
    await gate.started(2);
    const waiting = await caller.asyncMany([1, 2, 3].map((int) => double.new({ int })));
    expect(await caller.awaitMany(waiting, 300), "both hosts are busy").to.satisfy((all: { ok: boolean }[]) =>
      all.every(({ ok }) => !ok),
    );
    gate.open();
    await caller.awaitMany(busy);
    for (const result of await caller.awaitMany(waiting)) expect(result).to.include({ ok: true });
  });

  it("jobs after a burst on all hosts", async () => {
    const callers = await startCallers();
    await startHosts(4, { queues: { default: 1 }, threads: 1 });
    const [caller] = callers as [Baton];
    for (let round = 0; round < 5; round += 1) {
      const burst = await caller.asyncMany(Array.from({ length: 40 }, (_, int) => double.new({ int })));
      for (const result of await caller.awaitMany(burst)) expect(result).to.include({ ok: true });
      await callAll(callers);
    }
  });

  it("jobs that are inserted while a host stops, and right after", async () => {
    const callers = await startCallers();
    const [first] = (await startHosts(2, { queues: { default: 3 }, threads: 3 })) as [Baton];
    using gate = new Gate();
    const held = await Promise.all([1, 2].map(async () => (callers[0] as Baton).async(gated.new({ gate: gate.path }))));
    await gate.started(2);
    const stopping = first.stop();
    await callAll(callers);
    gate.open();
    await stopping;
    await callAll(callers);
    await (callers[0] as Baton).awaitMany(held);
  });

  it("jobs of a queue that one host has paused", async () => {
    const callers = await startCallers();
    await hosts.start({ queues: { default: { limit: 1, paused: true } } });
    await hosts.start({ queues: { default: 1 } });
    await knownEach(2);
    await callAll(callers);
  });
});

import { expect } from "chai";
import fc from "fast-check";
import { type Awaited, Lookups, NOTIFYING, POLLING, type Pace, restAfter } from "../../lib/relay/lookups.js";

const CHUNK = 1_000;

interface Item extends Awaited {
  readonly addedAt: number;
  readonly looks: number[];
}

/** Awaits, and the looks at them, on a clock of their own. */
class Simulation {
  readonly lookups: Lookups<Item>;
  readonly open = new Set<Item>();
  /** When each look was made, and at how many refs. */
  readonly looks: { readonly at: number; readonly refs: number }[] = [];
  readonly #tookMs: number;
  #restUntil = 0;
  now: number;

  constructor(pace: Pace, tookMs: number, start = 0) {
    this.lookups = new Lookups(pace);
    this.#tookMs = tookMs;
    this.now = start;
  }

  add(): Item {
    const item = { addedAt: this.now, looks: [], due: 0, step: 0 };
    this.lookups.add(item, this.now);
    this.open.add(item);
    return item;
  }

  end(item: Item): void {
    if (this.open.delete(item)) this.lookups.delete(item);
  }

  /** Makes every look that falls into so many ms. None finds anything. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const at = Math.max(this.now, this.lookups.next, this.#restUntil);
      if (at > end) break;
      this.now = at;
      const items = this.lookups.take(at, CHUNK);
      expect(items, "no look is empty").not.to.have.length(0);
      expect(items.length).to.be.at.most(CHUNK);
      for (const item of items) {
        if (!this.open.has(item)) throw new Error("looks at what nobody awaits any more");
        if (item.looks.at(-1) === at) throw new Error("looks twice at once");
        item.looks.push(at);
      }
      this.looks.push({ at, refs: items.length });
      const rest = restAfter(this.lookups.pace, { refs: items.length, found: 0, ms: this.#tookMs });
      this.#restUntil = at + this.#tookMs + rest;
    }
    this.now = end;
  }
}

function gaps({ addedAt, looks }: Item, until: number): number[] {
  return [addedAt, ...looks, until].flatMap((at, index, all) => (index === 0 ? [] : [at - (all[index - 1] as number)]));
}

describe("the schedule of looks", () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ do: fc.constant("add" as const), count: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ do: fc.constant("end" as const), which: fc.nat() }),
      fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 4_000 }) }),
    ),
    { maxLength: 60 },
  );

  it("looks at each ref by its own age, whatever else is awaited", () => {
    fc.assert(
      fc.property(
        steps,
        fc.double({ min: 0, max: 10_000, noNaN: true }),
        fc.integer({ min: 1, max: 50 }),
        (todo, start, took) => {
          const simulation = new Simulation(NOTIFYING, took, start);
          const all: { readonly item: Item; endedAt: number }[] = [];
          for (const step of todo) {
            if (step.do === "add")
              for (let n = 0; n < step.count; n += 1) all.push({ item: simulation.add(), endedAt: Infinity });
            if (step.do === "pass") simulation.pass(step.ms);
            const one = step.do === "end" ? all[step.which % Math.max(1, all.length)] : undefined;
            if (one === undefined) continue;
            simulation.end(one.item);
            one.endedAt = Math.min(one.endedAt, simulation.now);
          }
          expect(simulation.lookups.size).to.equal(simulation.open.size);
          // What a look takes, and the rest after it, may stand before a look that is due.
          const late = took + Math.max(100, 10 * took);
          for (const { item, endedAt } of all) {
            const [first, ...rest] = gaps(item, Math.min(endedAt, simulation.now));
            expect(first).to.be.at.most(1_500 + late);
            if (item.looks.length > 0) expect(first).to.be.above(1_000 - 1);
            for (const gap of rest) expect(gap).to.be.at.most(5_000 + late);
          }
        },
      ),
    );
  });

  it("backs off: who waits long shares one look in 5 s with all others who do", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 50 }), (pauses) => {
        const simulation = new Simulation(NOTIFYING, 2);
        for (const pause of pauses) {
          simulation.pass(pause);
          simulation.add();
        }
        simulation.pass(15_000);
        const before = simulation.looks.length;
        simulation.pass(50_000);
        expect(simulation.looks.length - before).to.be.within(9, 11);
      }),
    );
  });

  it("looks at no more than two chunks a second of refs that come one by one", () => {
    const simulation = new Simulation(NOTIFYING, 2);
    for (let n = 0; n < 2_000; n += 1) {
      const item = simulation.add();
      simulation.pass(10);
      if (n % 2 === 0) simulation.end(item);
    }
    expect(simulation.looks.length / 20).to.be.at.most(3.5);
  });

  it("makes at most ten looks a second at 100,000 refs, reaches all of them, and new ones in time", () => {
    const simulation = new Simulation(NOTIFYING, 8);
    for (let n = 0; n < 100_000; n += 1) simulation.add();
    simulation.pass(30_000);
    const old = [...simulation.open];
    for (const from of [0, 10_000, 20_000]) {
      expect(simulation.looks.filter(({ at }) => at >= from && at < from + 1_000).length).to.be.at.most(10);
    }
    const fresh = Array.from({ length: 100 }, () => simulation.add());
    const addedAt = simulation.now;
    simulation.pass(30_000);
    for (const { looks } of fresh) expect((looks[0] ?? Infinity) - addedAt).to.be.at.most(1_800);
    for (const { looks } of old) {
      const waits = looks.map((at, index) => at - (looks[index - 1] ?? 0));
      if (looks.length < 3 || waits.some((ms) => ms > 5_000 + 100 * 108)) throw new Error(`looked at ${String(looks)}`);
    }
  });

  it("polls from 20 ms to 250 ms where notifications do not arrive", () => {
    const simulation = new Simulation(POLLING, 1);
    const item = simulation.add();
    simulation.pass(3_000);
    const waits = gaps(item, simulation.now).slice(0, -1);
    expect(waits[0]).to.be.at.most(20);
    for (const wait of waits) expect(wait).to.be.at.most(250);
    expect(waits.at(-1)).to.equal(250);
  });

  it("makes everything due at once when notifications may have been missed, in the order in which it was", () => {
    const simulation = new Simulation(NOTIFYING, 1);
    const items = Array.from({ length: 3 }, () => {
      const item = simulation.add();
      simulation.pass(300);
      return item;
    });
    simulation.lookups.restart(POLLING, simulation.now);
    expect(simulation.lookups.next).to.be.at.most(simulation.now);
    expect(simulation.lookups.take(simulation.now, 2)).to.deep.equal(items.slice(0, 2));
    expect(simulation.lookups.take(simulation.now, 2)).to.deep.equal(items.slice(2));
    expect(simulation.lookups.size).to.equal(3);
    expect(simulation.lookups.next).to.be.within(simulation.now, simulation.now + 20);
  });

  it("rests not at all while looks find results, and else by what a look takes", () => {
    expect(restAfter(NOTIFYING, { refs: 1_000, found: 100, ms: 5 })).to.equal(0);
    expect(restAfter(NOTIFYING, { refs: 1_000, found: 99, ms: 5 })).to.equal(100);
    expect(restAfter(NOTIFYING, { refs: 1_000, found: 0, ms: 30 })).to.equal(300);
    expect(restAfter(NOTIFYING, { refs: 1_000, found: 0, ms: 30_000 })).to.equal(1_000);
    expect(restAfter(POLLING, { refs: 1_000, found: 0, ms: 8 })).to.equal(24);
  });
});

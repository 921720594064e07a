import { expect } from "chai";
import fc from "fast-check";
import { type LookupItem, Lookups, NOTIFYING, POLLING, type Schedule, restAfter } from "../../lib/relay/lookups.js";

const CHUNK = 1_000;

interface Item extends LookupItem {
  readonly addedAt: number;
  readonly looks: number[];
}

/** Awaited items and their lookups, on a simulated clock. */
class Simulation {
  readonly lookups: Lookups<Item>;
  readonly open = new Set<Item>();
  /** When each lookup was made, and of how many refs. */
  readonly looks: { readonly at: number; readonly refs: number }[] = [];
  readonly #tookMs: number;
  #restUntil = 0;
  now: number;

  constructor(schedule: Schedule, tookMs: number, start = 0) {
    this.lookups = new Lookups(schedule);
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

  /** Makes every lookup that falls into so many ms. None finds anything. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const at = Math.max(this.now, this.lookups.next, this.#restUntil);
      if (at > end) break;
      this.now = at;
      const items = this.lookups.takeDue(at, CHUNK);
      expect(items, "no lookup is empty").not.to.have.length(0);
      expect(items.length).to.be.at.most(CHUNK);
      for (const item of items) {
        if (!this.open.has(item)) throw new Error("looked up an item that nobody awaits");
        if (item.looks.at(-1) === at) throw new Error("looked up an item twice at once");
        item.looks.push(at);
      }
      this.looks.push({ at, refs: items.length });
      const rest = restAfter(this.lookups.schedule, { refs: items.length, found: 0, ms: this.#tookMs });
      this.#restUntil = at + this.#tookMs + rest;
    }
    this.now = end;
  }
}

function gaps({ addedAt, looks }: Item, until: number): number[] {
  return [addedAt, ...looks, until].flatMap((at, index, all) => (index === 0 ? [] : [at - (all[index - 1] as number)]));
}

describe("the schedule of lookups", () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ do: fc.constant("add" as const), count: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ do: fc.constant("end" as const), which: fc.nat() }),
      fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 4_000 }) }),
    ),
    { maxLength: 60 },
  );

  it("looks up each ref by its own age, whatever else is awaited", () => {
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
          // A due lookup may have to wait for one under way and the rest after it.
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

  it("backs off: refs that wait for long share one lookup in 5 s", () => {
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

  it("makes at most 3.5 lookups a second for refs that come one by one", () => {
    const simulation = new Simulation(NOTIFYING, 2);
    for (let n = 0; n < 2_000; n += 1) {
      const item = simulation.add();
      simulation.pass(10);
      if (n % 2 === 0) simulation.end(item);
    }
    expect(simulation.looks.length / 20).to.be.at.most(3.5);
  });

  it("makes at most ten lookups a second for 100,000 refs, reaches all, and new ones in time", () => {
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
      if (looks.length < 3 || waits.some((ms) => ms > 5_000 + 100 * 108))
        throw new Error(`looked up at ${String(looks)}`);
    }
  });

  it("polls every 20 to 250 ms while notifications do not arrive", () => {
    const simulation = new Simulation(POLLING, 1);
    const item = simulation.add();
    simulation.pass(3_000);
    const waits = gaps(item, simulation.now).slice(0, -1);
    expect(waits[0]).to.be.at.most(20);
    for (const wait of waits) expect(wait).to.be.at.most(250);
    expect(waits.at(-1)).to.equal(250);
  });

  it("makes every ref due, in order, when notifications may have been missed", () => {
    const simulation = new Simulation(NOTIFYING, 1);
    const items = Array.from({ length: 3 }, () => {
      const item = simulation.add();
      simulation.pass(300);
      return item;
    });
    simulation.lookups.restart(POLLING, simulation.now);
    expect(simulation.lookups.next).to.be.at.most(simulation.now);
    expect(simulation.lookups.takeDue(simulation.now, 2)).to.deep.equal(items.slice(0, 2));
    expect(simulation.lookups.takeDue(simulation.now, 2)).to.deep.equal(items.slice(2));
    expect(simulation.lookups.size).to.equal(3);
    expect(simulation.lookups.next).to.be.within(simulation.now, simulation.now + 20);
  });

  it("does not rest while lookups find results, and otherwise in proportion to their duration", () => {
    expect(restAfter(NOTIFYING, { refs: 1_000, found: 100, ms: 5 })).to.equal(0);
    expect(restAfter(NOTIFYING, { refs: 1_000, found: 99, ms: 5 })).to.equal(100);
    expect(restAfter(NOTIFYING, { refs: 1_000, found: 0, ms: 30 })).to.equal(300);
    expect(restAfter(NOTIFYING, { refs: 1_000, found: 0, ms: 30_000 })).to.equal(1_000);
    expect(restAfter(POLLING, { refs: 1_000, found: 0, ms: 8 })).to.equal(24);
  });
});

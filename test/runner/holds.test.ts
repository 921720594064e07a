import { expect } from "chai";
import fc from "fast-check";
import { Holds, type Opening } from "../../lib/runner/holds.js";
import type { ClaimKey } from "../../lib/engine/claim-key.js";

describe("what a host holds", () => {
  const row = { id: 1, claim: 3 };

  it("is known by its very claim", () => {
    const holds = new Holds();
    holds.take(row);
    expect(holds.compare([row])).to.deep.equal([]);
    expect(holds.compare([{ id: 1, claim: 4 }])).to.deep.equal([{ id: 1, claim: 4 }]);
    holds.drop({ id: 1, claim: 2 });
    expect(holds.size).to.equal(1);
    holds.drop(row);
    expect(holds.compare([row])).to.deep.equal([row]);
  });

  it("keeps a later claim that an older look does not show", () => {
    const holds = new Holds();
    holds.take({ id: 1, claim: 4 });
    expect(holds.compare([row])).to.deep.equal([]);
    holds.take(row);
    holds.drop(row);
    expect(holds.compare([{ id: 1, claim: 4 }])).to.deep.equal([]);
  });

  it("may come with any statement that was under way when the look was answered, and no other", () => {
    const holds = new Holds();
    const [first, second] = [holds.open(), holds.open()];
    expect(holds.compare([row])).to.deep.equal([]);
    const third = holds.open();
    holds.settle(first);
    expect(holds.compare([row])).to.deep.equal([]);
    holds.settle(second);
    expect(holds.compare([row]), "the third was sent later").to.deep.equal([row]);
    holds.settle(third);
  });

  /** The table and its host: statements are sent, committed, answered or given up, and may commit after that. */
  class World {
    readonly holds = new Holds();
    readonly rows = new Map<number, ClaimKey>();
    readonly running = new Map<number, ClaimKey>();
    readonly #flying: { opening: Opening; committed: ClaimKey | null; answered: boolean }[] = [];
    /** Looks that have read the table and are not answered yet. */
    readonly #looks: ClaimKey[][] = [];
    #next = 1;

    send(): void {
      this.#flying.push({ opening: this.holds.open(), committed: null, answered: false });
    }

    commit(which: number): void {
      const statement = this.#flying[which % Math.max(1, this.#flying.length)];
      if (statement === undefined || statement.committed !== null) return;
      const row = { id: this.#next, claim: 1 };
      this.#next += 1;
      statement.committed = row;
      this.rows.set(row.id, row);
    }

    answer(which: number): void {
      const statement = this.#flying[which % Math.max(1, this.#flying.length)];
      if (statement === undefined || statement.committed === null || statement.answered) return;
      statement.answered = true;
      this.holds.take(statement.committed);
      this.running.set(statement.committed.id, statement.committed);
      this.holds.settle(statement.opening);
    }

    /** The reply is lost, or never comes: it may commit all the same, now or later. */
    giveUp(which: number): void {
      const statement = this.#flying[which % Math.max(1, this.#flying.length)];
      if (statement === undefined || statement.answered) return;
      statement.answered = true;
      this.holds.settle(statement.opening);
    }

    end(which: number): void {
      const [...running] = this.running.values();
      const row = running[which % Math.max(1, running.length)];
      if (row === undefined) return;
      this.rows.delete(row.id);
      this.running.delete(row.id);
      this.holds.drop(row);
    }

    read(): void {
      this.#looks.push([...this.rows.values()]);
    }

    look(): void {
      const held = this.#looks.shift();
      if (held === undefined) return;
      for (const stray of this.holds.compare(held)) {
        expect(this.running.has(stray.id), "a job that runs is taken from it").to.equal(false);
        const pending = this.#flying.some(({ committed, answered }) => committed?.id === stray.id && !answered);
        expect(pending, "a claim whose reply is still to come").to.equal(false);
        this.rows.delete(stray.id);
      }
    }

    /** Nothing is under way any more, and two looks have passed. */
    settle(): void {
      for (const at of this.#flying.keys()) this.giveUp(at);
      while (this.#looks.length > 0) this.look();
      for (let looks = 0; looks < 2; looks += 1) {
        this.read();
        this.look();
      }
      expect([...this.rows.keys()], "rows that nobody runs").to.deep.equal([...this.running.keys()]);
    }
  }

  it("is all that the table says, two looks after its statements have settled, in any order of events", () => {
    const events = fc.oneof(
      fc.constant((world: World) => world.send()),
      fc.constant((world: World) => world.read()),
      fc.constant((world: World) => world.look()),
      ...(["commit", "answer", "giveUp", "end"] as const).map((event) =>
        fc.nat(20).map((which) => (world: World) => world[event](which)),
      ),
    );
    fc.assert(
      fc.property(fc.array(events, { maxLength: 60 }), (steps) => {
        const world = new World();
        for (const step of steps) step(world);
        world.settle();
      }),
      { numRuns: 2_000 },
    );
  });
});

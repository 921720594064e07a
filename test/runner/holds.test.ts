import { expect } from "chai";
import fc from "fast-check";
import { type Claiming, Holds } from "../../lib/runner/holds.js";
import type { ClaimKey } from "../../lib/engine/claim-key.js";

describe("holds", () => {
  const row = { id: 1, claim: 3 };

  it("know a job by its id and claim", () => {
    const holds = new Holds();
    holds.add(row);
    expect(holds.findStrays([row])).to.deep.equal([]);
    expect(holds.findStrays([{ id: 1, claim: 4 }])).to.deep.equal([{ id: 1, claim: 4 }]);
    holds.remove({ id: 1, claim: 2 });
    expect(holds.size).to.equal(1);
    holds.remove(row);
    expect(holds.findStrays([row])).to.deep.equal([row]);
  });

  it("keep a later claim that an older look does not show", () => {
    const holds = new Holds();
    holds.add({ id: 1, claim: 4 });
    expect(holds.findStrays([row])).to.deep.equal([]);
    holds.add(row);
    holds.remove(row);
    expect(holds.findStrays([{ id: 1, claim: 4 }])).to.deep.equal([]);
  });

  it("wait for every statement that was under way when the look was answered, and for no other", () => {
    const holds = new Holds();
    const [first, second, third] = [Symbol("first"), Symbol("second"), Symbol("third")];
    holds.sent(first);
    holds.sent(second);
    expect(holds.findStrays([row])).to.deep.equal([]);
    holds.sent(third);
    holds.settled(first);
    expect(holds.findStrays([row])).to.deep.equal([]);
    holds.settled(second);
    expect(holds.findStrays([row]), "the third was sent later").to.deep.equal([row]);
    holds.settled(third);
  });

  /** A table and its host. Statements are sent, committed, and answered or given up. */
  class World {
    readonly holds = new Holds();
    readonly rows = new Map<number, ClaimKey>();
    readonly running = new Map<number, ClaimKey>();
    readonly #flying: { claiming: Claiming; committed: ClaimKey | null; answered: boolean }[] = [];
    /** What looks have read whose replies are still to come. */
    readonly #looks: ClaimKey[][] = [];
    #next = 1;

    send(): void {
      const claiming = Symbol("claim");
      this.holds.sent(claiming);
      this.#flying.push({ claiming, committed: null, answered: false });
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
      this.holds.add(statement.committed);
      this.running.set(statement.committed.id, statement.committed);
      this.holds.settled(statement.claiming);
    }

    /** The reply is lost. The statement may commit all the same, now or later. */
    giveUp(which: number): void {
      const statement = this.#flying[which % Math.max(1, this.#flying.length)];
      if (statement === undefined || statement.answered) return;
      statement.answered = true;
      this.holds.settled(statement.claiming);
    }

    end(which: number): void {
      const [...running] = this.running.values();
      const row = running[which % Math.max(1, running.length)];
      if (row === undefined) return;
      this.rows.delete(row.id);
      this.running.delete(row.id);
      this.holds.remove(row);
    }

    read(): void {
      this.#looks.push([...this.rows.values()]);
    }

    look(): void {
      const held = this.#looks.shift();
      if (held === undefined) return;
      for (const stray of this.holds.findStrays(held)) {
        expect(this.running.has(stray.id), "a job that runs is taken from it").to.equal(false);
        const pending = this.#flying.some(({ committed, answered }) => committed?.id === stray.id && !answered);
        expect(pending, "a claim whose reply is still to come").to.equal(false);
        this.rows.delete(stray.id);
      }
    }

    /** Gives up what is under way, and looks twice. */
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

  it("agree with the table two looks after all statements have settled, in any order of events", () => {
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

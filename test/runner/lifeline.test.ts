import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { expect } from "chai";
import { Holds } from "../../lib/runner/holds.js";
import { Lifeline } from "../../lib/runner/lifeline.js";
import type { Membership } from "../../lib/runner/membership.js";
import type { ClaimKey } from "../../lib/engine/claim-key.js";
import type { Loss, Rescued } from "../../lib/engine/rescue.js";
import type { Tended } from "../../lib/engine/tend.js";
import type { Engine } from "../../lib/engine/engine.js";
import { Telemetry } from "../../lib/telemetry.js";
import { until } from "../support/until.js";

/** Stands in for the table of hosts. */
class Table {
  readonly looks: boolean[] = [];
  readonly rescued: Loss[] = [];
  orphans: string[] = [];
  waiting: string[] = [];
  held: ClaimKey[] = [];
  /** How many jobs become available at the next looks. */
  readonly staged: number[] = [];
  /** How many of the next looks fail. */
  failing = 0;

  async tend(_limit: number, _queues: readonly string[], { compare }: { compare: boolean }): Promise<Tended> {
    this.looks.push(compare);
    if (this.failing > 0) {
      this.failing -= 1;
      throw new Error("away");
    }
    const [queues, orphans] = [this.waiting.splice(0), this.orphans.splice(0)];
    const held = compare ? this.held : null;
    return { staged: this.staged.shift() ?? 0, queues, orphans, hosts: [], peers: {}, held };
  }

  async rescue(loss: Loss): Promise<Rescued> {
    this.rescued.push(loss);
    return { jobs: 1, discarded: 0, gone: false };
  }
}

describe("the lifeline", () => {
  let table: Table;
  let telemetry: Telemetry;
  let holds: Holds;
  let jobs: string[];
  let strays: ClaimKey[];
  let lifeline: Lifeline;

  beforeEach(() => {
    table = new Table();
    telemetry = new Telemetry("test");
    holds = new Holds();
    jobs = [];
    strays = [];
    lifeline = new Lifeline({
      engine: table as unknown as Engine,
      telemetry,
      membership: { pulse: { host: "me", upSince: 0, ackedAt: 0, beat: 0 } } as Membership,
      holds,
      queues: [],
      onJobs: (queue) => jobs.push(queue),
      onStrays: (found) => strays.push(...found),
      polling: () => false,
    });
    lifeline.start();
  });

  afterEach(() => lifeline.stop());

  it("rescues the jobs of hosts that are not registered, counts nothing against them, and reports it", async () => {
    table.orphans = ["a", "b"];
    await until(() => table.rescued.length === 2, "two rescues");
    expect(table.rescued).to.deep.equal(["a", "b"].map((id) => ({ id, sighting: null, unlocked: false, died: false })));
    expect(telemetry.counts()).to.deep.equal({ rescue: 2 });
  });

  it("reports each queue that has jobs", async () => {
    table.waiting = ["a", "b"];
    await until(() => jobs.length > 0, "a look");
    expect(jobs).to.deep.equal(["a", "b"]);
  });

  it("looks again at once if more jobs are due than one look makes available, and reports how many it did", async () => {
    const said: unknown[] = [];
    const listener = (event: unknown): void => void said.push((event as { jobs: number }).jobs);
    subscribe("pg-baton:stage", listener);
    table.staged.push(5_000, 5_000, 7);
    await until(() => said.length === 3, "three looks");
    unsubscribe("pg-baton:stage", listener);
    expect(said).to.deep.equal([5_000, 5_000, 7]);
  });

  it("finds the jobs that this host holds only according to the table, and no others", async () => {
    holds.add({ id: 1, claim: 1 });
    table.held = [
      { id: 1, claim: 1 },
      { id: 2, claim: 5 },
    ];
    lifeline.compareNow();
    await until(() => strays.length > 0, "a stray");
    expect(strays[0]).to.deep.equal({ id: 2, claim: 5 });
    expect(strays.some(({ id }) => id === 1)).to.equal(false);
  });

  it("compares at once when asked to, and otherwise at some of its looks only", async () => {
    await until(() => table.looks.length >= 3, "three looks");
    expect(table.looks.slice(0, 3)).to.deep.equal([true, false, false]);
    lifeline.compareNow();
    const before = table.looks.length;
    await until(() => table.looks.slice(before).includes(true), "a look that compares");
  });
});

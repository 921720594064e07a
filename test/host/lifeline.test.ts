import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { expect } from "chai";
import { Lifeline } from "../../lib/host/lifeline.js";
import type { Engine, Judgement, Rescued, Tended } from "../../lib/postgres/engine.js";
import { Telemetry } from "../../lib/telemetry.js";
import { until } from "../support/until.js";

/** Stands in for the table of hosts. */
class Hosts {
  readonly looks: Judgement[] = [];
  readonly rescued: string[] = [];
  readonly shown: (string | null)[] = [];
  lost: string[] = [];
  waiting: string[] = [];
  /** How many jobs become available at the next looks. */
  readonly staged: number[] = [];
  suspects = false;
  registered = 0;
  known = true;
  /** How many of the next looks fail. */
  failing = 0;

  async register(): Promise<void> {
    this.registered += 1;
    this.known = true;
  }

  async heartbeat(lockKey: string | null): Promise<boolean> {
    this.shown.push(lockKey);
    return this.known;
  }

  async tend(judgement: Judgement): Promise<Tended> {
    this.looks.push(judgement);
    if (this.failing > 0) {
      this.failing -= 1;
      throw new Error("away");
    }
    const queues = this.waiting.splice(0);
    return { staged: this.staged.shift() ?? 0, queues, peers: {}, lost: this.lost.splice(0), suspects: this.suspects };
  }

  async rescue(host: string): Promise<Rescued> {
    this.rescued.push(host);
    return { jobs: 1, discarded: 0, quarantined: host === "a" ? [7] : [] };
  }
}

describe("the lifeline", () => {
  let hosts: Hosts;
  let telemetry: Telemetry;
  let lock: string | null;
  let declaredLost: number;
  let jobs: string[];
  let lifeline: Lifeline;

  beforeEach(async () => {
    hosts = new Hosts();
    telemetry = new Telemetry("test");
    lock = "1";
    declaredLost = 0;
    jobs = [];
    lifeline = new Lifeline({
      engine: hosts as unknown as Engine,
      telemetry,
      name: "test",
      queues: {},
      workers: [],
      version: "0",
      lockKey: () => lock,
      onLost: () => {
        declaredLost += 1;
      },
      onJobs: (queue) => jobs.push(queue),
      polling: () => false,
    });
    await lifeline.start();
  });

  afterEach(() => lifeline.stop());

  it("rescues the jobs of each host that is lost, and says so", async () => {
    hosts.lost = ["a", "b"];
    await until(() => hosts.rescued.length === 2, "two rescues");
    expect(hosts.rescued).to.deep.equal(["a", "b"]);
    expect(telemetry.counts()).to.deep.equal({ rescue: 2, quarantine: 1 });
  });

  it("judges nobody by his lease before it has been there for one itself", async () => {
    await until(() => hosts.looks.length > 0, "a look");
    expect(hosts.looks[0]).to.deep.equal({ lease: 1e12, grace: 500, since: 1e12, patientGrace: 5_000 });
  });

  it("tells of each queue that has jobs", async () => {
    hosts.waiting = ["a", "b"];
    await until(() => jobs.length > 0, "a look");
    expect(jobs).to.deep.equal(["a", "b"]);
  });

  it("looks again at once where more jobs are due than it takes at a time, and says how many it took", async () => {
    const said: unknown[] = [];
    const listener = (event: unknown): void => void said.push((event as { jobs: number }).jobs);
    subscribe("pg-baton:stage", listener);
    hosts.staged.push(5_000, 5_000, 7);
    await until(() => said.length === 3, "three looks");
    unsubscribe("pg-baton:stage", listener);
    expect(said).to.deep.equal([5_000, 5_000, 7]);
  });

  it("gives the others time to come back after the database was away", async () => {
    hosts.failing = 2;
    const before = hosts.looks.length;
    await until(() => hosts.looks.length > before + 2, "two looks that fail, and one that does not");
    expect(hosts.looks[before + 2]).to.include({ lease: 1e12, grace: 500, patientGrace: 5_000 });
    expect(hosts.looks[before + 2]?.since).to.be.below(60_000);
    expect(hosts.shown, "and shows that it is back itself").to.include("1");
  });

  it("looks again at once where one connection has failed, and judges as always", async () => {
    hosts.failing = 1;
    const before = hosts.looks.length;
    await until(() => hosts.looks.length > before + 1, "a look that fails, and one that does not");
    expect(hosts.looks[before + 1]).to.include({ since: 1e12 });
  });

  it("shows life after a gap, in which others may have begun to doubt", async () => {
    lifeline.hurry();
    await until(() => hosts.shown.length > 0, "a sign of life");
    expect(hosts.shown).to.deep.equal(["1"]);
  });

  it("tells at once when its lock is lost", async () => {
    lock = null;
    await until(() => hosts.shown.length > 0, "a sign of life");
    expect(hosts.shown).to.deep.equal([null]);
  });

  it("learns that it was declared lost, lets go of its jobs, and registers anew", async () => {
    hosts.known = false;
    lock = null;
    await until(() => hosts.registered === 2, "the second registration");
    expect(declaredLost).to.equal(1);
    expect(telemetry.counts()).to.deep.equal({ "host:lost": 1 });
  });
});

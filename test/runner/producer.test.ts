import { expect } from "chai";
import fc from "fast-check";
import type { ClaimResult } from "../../lib/engine/claim.js";
import type { Engine } from "../../lib/engine/engine.js";
import type { ClaimedJob } from "../../lib/job/job.js";
import type { Call } from "../../lib/runner/call.js";
import type { Capacity } from "../../lib/runner/capacity.js";
import type { Executor } from "../../lib/runner/executor.js";
import { Holds } from "../../lib/runner/holds.js";
import { Producer } from "../../lib/runner/producer.js";
import type { Seat } from "../../lib/runner/seat.js";
import type { Turns } from "../../lib/runner/turns.js";
import { Telemetry } from "../../lib/telemetry.js";
import { claimedJob } from "../support/claimed.js";

const CALL: Call = { queue: "default", sender: 1, wave: 0, from: null };

interface Claim {
  readonly demand: number;
  readonly begin: number;
  readonly reply: (result: ClaimResult | Error) => void;
}

/** A producer with everything around it in the hands of the test. */
class World {
  readonly holds = new Holds();
  readonly telemetry = new Telemetry("test");
  readonly claims: Claim[] = [];
  readonly released: ClaimedJob[] = [];
  /** The batches in threads, and what ends each. */
  readonly running = new Set<{ readonly jobs: readonly ClaimedJob[]; readonly end: () => void }>();
  readonly seats: Seat[] = [];
  readonly producer: Producer;
  /** The call for which this host has yet to claim. */
  call: Call | null = null;
  passedOn = 0;
  doubts = 0;
  closed = false;

  constructor({ limit = 2, threads = 2, paused = false } = {}) {
    const engine = {
      claim: (_queue: string, demand: number, begin: number): Promise<ClaimResult> =>
        new Promise((resolve, reject) => {
          const reply = (result: ClaimResult | Error): void => {
            this.claims.splice(this.claims.indexOf(claim), 1);
            if (result instanceof Error) reject(result);
            else resolve(result);
          };
          const claim = { demand, begin, reply };
          this.claims.push(claim);
        }),
    };
    const executor = {
      execute: (jobs: readonly ClaimedJob[]) =>
        new Promise<void>((resolve) => {
          const batch = { jobs, end: (): void => end() };
          const end = (): void => {
            this.running.delete(batch);
            for (const job of jobs) this.holds.remove(job);
            resolve();
          };
          this.running.add(batch);
        }),
      release: (job: ClaimedJob) => {
        this.holds.remove(job);
        this.released.push(job);
      },
    };
    const turns = {
      hear: (call: Call) => {
        this.call = call;
        return true;
      },
      takeCall: () => this.#takeCall(),
      decline: () => {
        if (this.#takeCall() === null) return false;
        this.passedOn += 1;
        return true;
      },
      share: () => {},
      active: () => {},
      foundWhileBusy: () => {},
      foundWhileIdle: () => {},
      claimed: () => {},
      leave: () => {},
    };
    const capacity = Object.defineProperties({ size: threads } as Capacity, {
      free: { get: () => threads - this.producer.running },
      closed: { get: () => this.closed },
    });
    this.producer = new Producer({
      queue: "default",
      limit,
      paused,
      engine: engine as unknown as Engine,
      executor: executor as unknown as Executor,
      holds: this.holds,
      capacity,
      turns: turns as unknown as Turns,
      batchOf: () => 1,
      onCapacity: () => this.producer.advance(),
      onClaimInDoubt: () => (this.doubts += 1),
      telemetry: this.telemetry,
    });
  }

  /** Starts the producer, and answers its first claim. */
  async start(jobs: number): Promise<void> {
    this.producer.start();
    await this.reply(jobs);
  }

  /** Answers the claim under way with so many jobs, of which it begins as many as it asked to. */
  async reply(jobs: number): Promise<void> {
    const claim = this.claims[0];
    if (claim === undefined) throw new Error("there is no claim under way");
    const made = Array.from({ length: Math.min(jobs, claim.demand) }, (_, at) =>
      claimedJob("a", {}, { begun: at < claim.begin }),
    );
    claim.reply({ jobs: made, more: made.length === claim.demand });
    await settled();
  }

  async fail(): Promise<void> {
    this.claims[0]?.reply(new Error("away"));
    await settled();
  }

  async end(): Promise<void> {
    const [batch] = this.running;
    batch?.end();
    await settled();
  }

  seat(): Seat | null {
    const seat = this.producer.seat();
    if (seat !== null) this.seats.push(seat);
    return seat;
  }

  #takeCall(): Call | null {
    const { call } = this;
    this.call = null;
    return call;
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("the producer", () => {
  it("claims for its free threads when it starts, and has the claim begin those jobs", async () => {
    const world = new World({ limit: 3, threads: 2 });
    world.producer.start();
    expect(world.claims).to.have.length(1);
    expect(world.claims[0]).to.include({ demand: 2, begin: 2 });
    expect(world.producer.running, "threads promised to the claim").to.equal(2);
    await world.reply(1);
    expect(world.running.size).to.equal(1);
    expect(world.producer.running).to.equal(1);
    expect(world.claims, "the claim has emptied the queue").to.deep.equal([]);
  });

  it("claims nothing when it is idle, and again at each wake-up, call or look", async () => {
    const world = new World();
    await world.start(0);
    world.producer.advance();
    expect(world.claims).to.deep.equal([]);
    const wakes = [() => world.producer.wake(), () => world.producer.onCall(CALL), () => world.producer.onJobsFound()];
    for (const wake of wakes) {
      wake();
      expect(world.claims).to.have.length(1);
      await world.reply(0);
      expect(world.claims).to.deep.equal([]);
    }
  });

  it("claims again after a claim during which it was woken", async () => {
    const world = new World();
    world.producer.start();
    world.producer.wake();
    expect(world.claims, "one claim at a time").to.have.length(1);
    await world.reply(0);
    expect(world.claims).to.have.length(1);
    await world.reply(0);
    expect(world.claims).to.deep.equal([]);
  });

  it("passes a call on while it has no room, and claims once a thread comes free", async () => {
    const world = new World({ limit: 1 });
    await world.start(1);
    world.producer.onCall(CALL);
    expect([world.passedOn, world.claims.length]).to.deep.equal([1, 0]);
    await world.end();
    expect([world.passedOn, world.claims.length]).to.deep.equal([1, 1]);
  });

  it("claims nothing while it is paused, and passes calls on", () => {
    const world = new World({ paused: true });
    world.producer.start();
    world.producer.onCall(CALL);
    expect(world.claims).to.deep.equal([]);
    expect(world.passedOn).to.equal(1);
    expect(world.seat()).to.equal(null);
  });

  it("claims and starts nothing while capacity is closed", async () => {
    const world = new World();
    world.closed = true;
    world.producer.start();
    expect(world.claims).to.deep.equal([]);
    expect(world.seat()).to.equal(null);
    world.closed = false;
    world.producer.advance();
    expect(world.claims).to.have.length(1);
  });

  it("reports a claim in doubt when the claim fails, and claims again", async () => {
    const world = new World();
    world.producer.start();
    await world.fail();
    expect(world.doubts).to.equal(1);
    expect(world.telemetry.counts()).to.deep.equal({ "service:error": 1 });
    expect(world.holds.findStrays([{ id: 1, claim: 1 }]), "the claim explains nothing any more").to.have.length(1);
    await new Promise((resolve) => setTimeout(resolve, 520));
    expect(world.claims).to.have.length(1);
  });

  it("gives a seat only if no other job would be overtaken", async () => {
    const world = new World({ limit: 1 });
    expect(world.seat(), "jobs may wait before the first claim").to.equal(null);
    world.producer.start();
    expect(world.seat(), "a claim is under way").to.equal(null);
    await world.reply(0);
    const seat = world.seat();
    expect(seat).not.to.equal(null);
    expect(world.producer.running).to.equal(1);
    expect(world.seat(), "the thread is promised").to.equal(null);
    seat?.run(claimedJob("a"));
    expect(world.running.size).to.equal(1);
    expect(world.producer.running).to.equal(1);
    expect(world.holds.size).to.equal(1);
    await world.end();
    world.seat()?.release();
    expect(world.producer.running, "the next claim has the thread").to.equal(1);
    expect([world.doubts, world.claims.length]).to.deep.equal([1, 1]);
  });

  it("gives no seat while a claim is under way, which may bring a job that was there before", async () => {
    const world = new World();
    await world.start(1);
    world.producer.wake();
    await world.end();
    expect([world.producer.running, world.claims.length], "one thread is free").to.deep.equal([1, 1]);
    expect(world.seat()).to.equal(null);
    await world.reply(0);
    expect(world.seat()).not.to.equal(null);
  });

  it("gives no seat while a claimed job waits for a thread", async () => {
    const world = new World();
    world.producer.start();
    world.closed = true;
    await world.reply(1);
    world.closed = false;
    expect([world.producer.waiting, world.producer.running, world.claims.length]).to.deep.equal([1, 0, 0]);
    expect(world.seat()).to.equal(null);
    world.producer.advance();
    expect(world.seat()).not.to.equal(null);
  });

  it("releases what waits when it stops, and what the claim under way brings", async () => {
    const world = new World({ limit: 1 });
    world.producer.start();
    const stopping = world.producer.stop();
    await world.reply(1);
    await stopping;
    expect(world.released).to.have.length(1);
    expect(world.running.size).to.equal(0);
    world.producer.wake();
    expect(world.claims).to.deep.equal([]);
    expect(world.seat()).to.equal(null);
  });

  it("never takes more threads than its limit or the host's, makes one claim at a time, and loses no job", async () => {
    type Event = (world: World) => void | Promise<void>;
    const events: fc.Arbitrary<Event> = fc.oneof(
      fc.constant<Event>((world) => world.producer.wake()),
      fc.constant<Event>((world) => world.producer.onCall(CALL)),
      fc.constant<Event>((world) => world.producer.onJobsFound()),
      fc.constant<Event>((world) => world.producer.advance()),
      fc.constant<Event>((world) => world.end()),
      fc.constant<Event>((world) => void world.seat()),
      fc.constant<Event>((world) => world.seats.shift()?.run(claimedJob("a"))),
      fc.constant<Event>((world) => world.seats.shift()?.release()),
      fc.nat(8).map(
        (jobs): Event =>
          async (world) => {
            if (world.claims.length > 0) await world.reply(jobs);
          },
      ),
      fc.boolean().map(
        (closed): Event =>
          (world) => {
            world.closed = closed;
          },
      ),
    );
    const size = fc.integer({ min: 1, max: 4 });
    await fc.assert(
      fc.asyncProperty(size, size, fc.array(events, { maxLength: 40 }), async (limit, threads, steps) => {
        const world = new World({ limit, threads });
        world.producer.start();
        for (const step of steps) {
          await step(world);
          expect(world.producer.running).to.be.within(world.running.size, Math.min(limit, threads));
          expect(world.claims.length).to.be.at.most(1);
          expect(world.holds.size).to.equal(world.running.size + world.producer.waiting);
        }
        const stopping = world.producer.stop();
        if (world.claims.length > 0) await world.reply(8);
        await stopping;
        expect(world.holds.size, "released, or running").to.equal(world.running.size);
      }),
      { numRuns: 300 },
    );
  });
});

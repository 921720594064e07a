import { expect } from "chai";
import fc from "fast-check";
import { CALM, Judge, LEASE } from "../../lib/runner/judge.js";
import type { Sighting } from "../../lib/engine/tend.js";

/** ms between looks, and between heartbeats. */
const LOOK = 800;
const BEAT = 2_500;

interface Peer extends Sighting {
  beat: number;
  free: boolean;
  /** When it last beat; null if it no longer does. */
  beatAt: number | null;
}

/** A judge and the hosts that it watches, by a virtual clock. */
class World {
  readonly judge = new Judge();
  readonly peers: Peer[];
  /** The first verdict about each host, and its time. */
  readonly lost = new Map<string, { kind: string; at: number }>();
  now = 0;
  /** How many of the judge's own beats its table is behind. */
  lag = 0;
  own = { host: "me", upSince: 0 as number | null, ackedAt: 0, beat: 0 };

  constructor(ids: readonly string[]) {
    this.peers = ids.map((id) => ({ id, beat: 0, seen: 0, lockKey: id, free: false, beatAt: 0 }));
  }

  peer(id: string): Peer {
    const peer = this.peers.find((one) => one.id === id);
    if (peer === undefined) throw new Error(id);
    return peer;
  }

  /** Every live host whose heartbeat is due sends it. */
  beat(): void {
    for (const peer of this.peers) {
      if (peer.beatAt === null || this.now - peer.beatAt < BEAT) continue;
      peer.beat += 1;
      peer.beatAt = this.now;
    }
    if (this.now - this.own.ackedAt >= BEAT) this.own = { ...this.own, ackedAt: this.now, beat: this.own.beat + 1 };
  }

  /** One look, answered after `took` ms. */
  look(took = 5): void {
    const sentAt = this.now;
    const hosts: Sighting[] = this.peers.map(({ id, beat, seen, lockKey, free }) => ({
      id,
      beat,
      seen,
      lockKey,
      free,
    }));
    hosts.push({ id: "me", beat: this.own.beat - this.lag, seen: 0, lockKey: "me", free: false });
    this.now += took;
    for (const { sighting, kind } of this.judge.judge({ sentAt, answeredAt: this.now, hosts }, this.own)) {
      if (!this.lost.has(sighting.id)) this.lost.set(sighting.id, { kind, at: this.now });
    }
  }

  /** `ms` of good service. */
  run(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.beat();
      this.look();
      this.now += this.judge.needsSecondLook ? 520 : LOOK;
    }
  }

  /** The process of a peer dies: its session ends at once. */
  kill(id: string): void {
    Object.assign(this.peer(id), { beatAt: null, free: true });
  }

  /** The database answers nobody for `ms`, then answers the look under way. */
  silence(ms: number): void {
    this.look(ms);
  }
}

describe("the judge", () => {
  it("finds a killed host gone with the second look at its free lock", () => {
    const world = new World(["a", "b"]);
    world.run(10_000);
    const killed = world.now;
    world.kill("a");
    world.run(3_000);
    expect(world.lost.get("a")?.kind).to.equal("gone");
    expect((world.lost.get("a")?.at ?? 0) - killed).to.be.within(500, 1_500);
    expect(world.lost.has("b")).to.equal(false);
  });

  it("finds a host silent after a lease without a heartbeat, though its session lives", () => {
    const world = new World(["a"]);
    world.run(10_000);
    world.peer("a").beatAt = null;
    const still = world.now;
    world.run(20_000);
    expect(world.lost.get("a")?.kind).to.equal("silent");
    expect((world.lost.get("a")?.at ?? 0) - still).to.be.within(LEASE - BEAT, LEASE + 1_000);
  });

  it("finds a host absent at the first look at its free lock, or after a missed heartbeat, but no live host", () => {
    const world = new World(["dead", "frozen", "alive"]);
    world.run(10_000);
    world.kill("dead");
    world.peer("frozen").beatAt = null;
    world.look();
    const absent = (): string[] => ["dead", "frozen", "alive", "unknown"].filter((id) => world.judge.absent(id));
    expect(absent()).to.deep.equal(["dead"]);
    for (let looks = 0; looks < 7; looks += 1) {
      world.run(800);
      expect(absent()).not.to.include("alive");
    }
    expect(absent()).to.include("frozen");
    expect(world.lost.has("frozen")).to.equal(false);
  });

  for (const ms of [1_500, 20_000, 40_000, 300_000]) {
    it(`finds no host lost during or after a silence of the database of ${ms / 1_000} s`, () => {
      const world = new World(["a", "b"]);
      world.run(10_000);
      world.silence(ms);
      world.run(60_000);
      expect([...world.lost.keys()]).to.deep.equal([]);
    });
  }

  it("finds a host that died during a silence soon after it", () => {
    const world = new World(["a", "b"]);
    world.run(10_000);
    world.kill("a");
    world.silence(20_000);
    const back = world.now;
    world.run(20_000);
    expect([...world.lost.keys()]).to.deep.equal(["a"]);
    expect((world.lost.get("a")?.at ?? 0) - back).to.be.within(CALM, CALM + 2_000);
  });

  it("gives hosts time to retake their locks after a failover, when all are free and all beats are old", () => {
    const world = new World(["a", "b"]);
    world.run(10_000);
    for (const peer of world.peers) Object.assign(peer, { free: true, beat: peer.beat - 1, beatAt: null });
    world.own = { ...world.own, upSince: null };
    world.silence(3_000);
    world.own = { ...world.own, upSince: world.now, beat: world.own.beat - 1 };
    world.run(4_000);
    for (const peer of world.peers) Object.assign(peer, { free: false, lockKey: `${peer.id} anew`, beatAt: 0 });
    world.run(30_000);
    expect([...world.lost.keys()]).to.deep.equal([]);
  });

  it("judges by its own clock: a `seen` that steps by an hour, either way, is a sign of life", () => {
    const world = new World(["a"]);
    world.run(10_000);
    for (const seen of [3_600_000, -3_600_000, 0]) {
      Object.assign(world.peer("a"), { seen });
      world.run(5_000);
    }
    expect([...world.lost.keys()]).to.deep.equal([]);
  });

  it("judges no host while its own heartbeats are not answered, as when the table of hosts is locked", () => {
    const world = new World(["a"]);
    world.run(10_000);
    for (let looks = 0; looks < 40; looks += 1) {
      world.look();
      world.now += LOOK;
    }
    expect([...world.lost.keys()]).to.deep.equal([]);
  });

  it("judges no host by a table that is behind what it knows, as on a lagging standby", () => {
    const world = new World(["a"]);
    world.run(10_000);
    world.lag = 1;
    world.peer("a").beatAt = null;
    world.run(60_000);
    expect([...world.lost.keys()]).to.deep.equal([]);
  });

  type Event = (world: World) => void;
  const living: fc.Arbitrary<Event> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.integer({ min: 500, max: 8_000 }).map(
        (ms): Event =>
          (world) =>
            world.run(ms),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.integer({ min: 1_000, max: 60_000 }).map(
        (ms): Event =>
          (world) =>
            world.silence(ms),
      ),
    },
    // The judge's own process is suspended.
    {
      weight: 1,
      arbitrary: fc.integer({ min: 3_000, max: 60_000 }).map(
        (ms): Event =>
          (world) => {
            world.now += ms;
          },
      ),
    },
    // A peer's connection is cut, and back within the next look.
    {
      weight: 1,
      arbitrary: fc.constant<Event>((world) => {
        const peer = world.peer("a");
        peer.free = true;
        world.look();
        Object.assign(peer, { free: false, lockKey: `a ${world.now}`, beat: peer.beat + 1, beatAt: world.now });
        world.now += 400;
      }),
    },
    // A peer's event loop stalls.
    {
      weight: 1,
      arbitrary: fc.integer({ min: 1_000, max: 9_000 }).map(
        (ms): Event =>
          (world) => {
            const peer = world.peer("a");
            peer.beatAt = null;
            world.run(ms);
            Object.assign(peer, { beat: peer.beat + 1, beatAt: world.now });
          },
      ),
    },
  );

  it("never finds a host lost that beats within 12 s of good service, whatever happens to database and judge", () => {
    fc.assert(
      fc.property(fc.array(living, { maxLength: 30 }), (events) => {
        const world = new World(["a", "b"]);
        for (const event of events) event(world);
        expect([...world.lost.keys()]).to.deep.equal([]);
      }),
      { numRuns: 500 },
    );
  });

  it("finds every dead host after a while of good service, whatever came before", () => {
    fc.assert(
      fc.property(fc.array(living, { maxLength: 15 }), fc.boolean(), (events, session) => {
        const world = new World(["a", "b"]);
        for (const event of events) event(world);
        Object.assign(world.peer("b"), { beatAt: null, free: !session });
        world.run(session ? LEASE + 2_000 : CALM + 2_000);
        expect(world.lost.get("b")?.kind).to.equal(session ? "silent" : "gone");
        expect(world.lost.has("a")).to.equal(false);
      }),
      { numRuns: 500 },
    );
  });
});

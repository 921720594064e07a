import { expect } from "chai";
import fc from "fast-check";
import { type Call, calledBy, rankOf, readCall, Turns, writeCall } from "../../lib/runner/turns.js";
import { claimedJob } from "../support/claimed.js";
import { until } from "../support/until.js";

const hostIds = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 22 }), { minLength: 1, maxLength: 30 });
const senders = fc.nat(4_000_000);

describe("turns", () => {
  it("give every host a rank of its own, whatever the order in which it knows them", () => {
    fc.assert(
      fc.property(hostIds, senders, fc.infiniteStream(fc.nat()), (hosts, sender, seeds) => {
        const shuffled = hosts.map((host) => ({ host, at: seeds.next().value as number })).sort((a, b) => a.at - b.at);
        const ranks = hosts.map((host) =>
          rankOf(
            host,
            shuffled.map((one) => one.host),
            sender,
          ),
        );
        expect(ranks.sort((a, b) => a - b)).to.deep.equal(hosts.map((_, at) => at));
      }),
    );
  });

  it("call one host twice, then twice as many each time", () => {
    expect([0, 1, 2, 3, 4, 16].map(calledBy)).to.deep.equal([1, 2, 4, 8, 16, 65_536]);
  });

  it("share senders out evenly", () => {
    const hosts = Array.from({ length: 5 }, (_, at) => `host ${at}`);
    const firsts = new Map<string, number>();
    for (let sender = 1_000; sender < 2_000; sender += 1) {
      const first = hosts.find((host) => rankOf(host, hosts, sender) === 0) as string;
      firsts.set(first, (firsts.get(first) ?? 0) + 1);
    }
    for (const count of firsts.values()) expect(count).to.be.within(150, 250);
    expect(firsts.size).to.equal(5);
  });

  it("read what they write, a bare queue, and anything else without harm", () => {
    const call = fc.record({ queue: fc.string(), sender: senders, wave: fc.nat(16), from: fc.string() });
    fc.assert(
      fc.property(call, (given) => {
        expect(readCall(writeCall(given), 1)).to.deep.equal(given);
      }),
    );
    expect(readCall("default", 7)).to.deep.equal({ queue: "default", sender: 7, wave: 0, from: null });
    fc.assert(
      fc.property(fc.string(), (payload) => {
        expect(calledBy(readCall(payload, 7).wave)).to.be.at.least(1);
      }),
    );
  });

  describe("of several hosts", () => {
    const peers = ["a", "b", "c", "d", "e"];
    let sent: string[];
    let turns: Map<string, Turns>;

    beforeEach(() => {
      sent = [];
      const make = (host: string) =>
        new Turns({ queue: "default", host, peers: () => peers, send: (payload) => sent.push(payload) });
      turns = new Map(peers.map((host) => [host, make(host)]));
    });

    afterEach(() => {
      for (const of of turns.values()) of.stop();
    });

    const FIRST: Call = { queue: "default", sender: 4_711, wave: 0, from: null };

    /** The hosts that answer a call. */
    function answering(call: Call): string[] {
      return peers.filter((host) => turns.get(host)?.take(call));
    }

    function decline(host: string): boolean {
      return turns.get(host)?.decline() ?? false;
    }

    async function passed(): Promise<Call> {
      await until(() => sent.length > 0, "the call to be passed on");
      return readCall(sent.shift() as string, 1);
    }

    it("let one host answer a call, and others what it passes on, until all have", async () => {
      const busy: string[] = [];
      for (let call = FIRST; busy.length < peers.length; call = await passed()) {
        const hosts = answering(call).filter((host) => !busy.includes(host));
        expect(hosts).to.have.length(Math.min(calledBy(call.wave), peers.length - busy.length));
        const rest = peers.filter((host) => !busy.includes(host));
        const [passing] = hosts.filter((host) => rankOf(host, rest, call.sender) === 0) as [string];
        expect(decline(passing)).to.equal(true);
        busy.push(passing);
        for (const host of hosts) if (host !== passing) expect(decline(host), "one of a wave does").to.equal(false);
      }
      expect(answering(FIRST), "all are passed over by the others, and none by itself").to.deep.equal(peers);
    });

    it("share what a claim leaves behind with hosts that may be idle", async () => {
      const [first] = answering(FIRST) as [string];
      const of = turns.get(first) as Turns;
      of.share(of.answer());
      const [second] = answering(await passed()) as [string];
      expect(second).not.to.equal(first);
      of.share(of.answer());
      expect(sent, "it has answered no further call").to.deep.equal([]);
    });

    it("come again at once to a host that has passed one on, and to the next beside it", async () => {
      const [first] = answering(FIRST) as [string];
      decline(first);
      const next = answering(await passed()).find((host) => host !== first) as string;
      expect(answering(FIRST)).to.have.members([first, next]);
    });

    it("are passed on again by a host without room only once the others pass it over no more", async () => {
      const [busy] = answering(FIRST) as [string];
      expect(decline(busy)).to.equal(true);
      answering(await passed());
      const again = async (): Promise<boolean> => {
        expect(answering(FIRST), "nobody leaves a call to it in vain").to.satisfy(
          (hosts: string[]) => hosts.length > 1 || sent.length > 0,
        );
        return decline(busy) && sent.length > 0;
      };
      await until(again, "its turn to come again");
    });

    it("are passed on although a claim that was sent before them finds nothing", async () => {
      const [first] = answering(FIRST) as [string];
      const of = turns.get(first) as Turns;
      const sentAt = performance.now() - 1;
      decline(first);
      of.claimed({ jobs: [], more: false }, sentAt);
      expect(await passed()).to.include({ wave: 1, from: first });
    });

    it("pass over a host that has left", () => {
      const [first] = answering(FIRST) as [string];
      turns.get(first)?.leave();
      const farewell = readCall(sent.shift() as string, 1);
      expect(
        answering(farewell).filter((host) => host !== first),
        "all see what it was called for",
      ).to.have.length(4);
      const others = answering(FIRST).filter((host) => host !== first);
      expect(others).to.have.length(1);
    });

    it("pass calls on together that come close to each other", async () => {
      const [host] = answering(FIRST) as [string];
      for (let times = 0; times < 50; times += 1) {
        turns.get(host)?.take(FIRST);
        expect(decline(host)).to.equal(true);
      }
      await until(() => sent.length > 0, "the call to be passed on");
      expect(sent.length).to.be.below(5);
    });

    it("have all hosts answer while they are not known", () => {
      const lonely = new Turns({
        queue: "default",
        host: "a",
        peers: () => null,
        send: (payload) => sent.push(payload),
      });
      expect(lonely.take(FIRST)).to.equal(true);
      expect(lonely.decline()).to.equal(false);
    });

    it("are not trusted any more after a job waited though a host was idle", () => {
      const first = answering(FIRST);
      const [idle] = peers.filter((host) => !first.includes(host)) as [string];
      const of = turns.get(idle) as Turns;
      const job = claimedJob("double", {}, { insertedAt: 1_000, scheduledAt: 1_000, attemptedAt: 1_200 });
      of.found(true);
      of.claimed({ jobs: [job], more: false }, performance.now());
      expect(of.take(FIRST), "it waited 200 ms").to.equal(false);
      of.found(false);
      of.claimed({ jobs: [{ ...job, attemptedAt: 2_000 }], more: false }, performance.now());
      expect(of.take(FIRST), "this host was busy").to.equal(false);
      of.found(true);
      of.claimed({ jobs: [{ ...job, attemptedAt: 2_000 }], more: false }, performance.now());
      expect(of.take(FIRST)).to.equal(true);
    });
  });
});

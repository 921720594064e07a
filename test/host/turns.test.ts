import { expect } from "chai";
import fc from "fast-check";
import { type Call, calledBy, rankOf, readCall, Turns, writeCall } from "../../lib/host/turns.js";
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
    expect([0, 1, 2, 3, 4, 16].map(calledBy)).to.deep.equal([1, 1, 2, 4, 8, 32_768]);
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
      const busy = new Set<string>();
      let call = FIRST;
      for (; busy.size < peers.length; call = await passed()) {
        const hosts = answering(call);
        expect(hosts).to.have.length(Math.min(calledBy(call.wave), peers.length - busy.size));
        for (const host of hosts) expect(busy.has(host)).to.equal(false);
        const passing = hosts.filter(decline);
        expect(passing).to.have.length(1);
        busy.add(passing[0] as string);
      }
      expect(answering(call), "all are busy, and claim when they are not").to.deep.equal([]);
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

    it("come again to a host as soon as it has a free thread", async () => {
      const [host] = answering(FIRST) as [string];
      decline(host);
      expect(answering(await passed())).not.to.include(host);
      turns.get(host)?.freed();
      expect(answering(FIRST)).to.include(host);
    });

    it("pass over a host that has no room, so that the next call needs not be passed on", async () => {
      const [busy] = answering(FIRST) as [string];
      expect(decline(busy)).to.equal(true);
      const [idle] = answering(await passed()) as [string];
      expect(answering(FIRST)).to.deep.equal([idle]);
      await until(() => answering(FIRST).includes(busy), "its turn to come again");
      expect(answering(FIRST), "the others still pass it over: nobody leaves a call to it in vain").to.include(idle);
      await until(() => !answering(FIRST).includes(idle), "the others to see so");
      expect(answering(FIRST)).to.deep.equal([busy]);
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
      of.claimed({ jobs: [job], more: false });
      expect(of.take(FIRST), "it waited 200 ms").to.equal(false);
      of.found(false);
      of.claimed({ jobs: [{ ...job, attemptedAt: 2_000 }], more: false });
      expect(of.take(FIRST), "this host was busy").to.equal(false);
      of.found(true);
      of.claimed({ jobs: [{ ...job, attemptedAt: 2_000 }], more: false });
      expect(of.take(FIRST)).to.equal(true);
    });
  });
});

import { expect } from "chai";
import { type Call, readCall } from "../../lib/runner/call.js";
import { calledBy, rankOf } from "../../lib/runner/rank.js";
import { Turns } from "../../lib/runner/turns.js";
import { claimedJob } from "../support/claimed.js";
import { until } from "../support/until.js";

describe("turns", () => {
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

  /** The hosts that claim at a call. */
  function calledAt(call: Call): string[] {
    return peers.filter((host) => turns.get(host)?.hear(call));
  }

  function decline(host: string): boolean {
    return turns.get(host)?.decline() ?? false;
  }

  async function passed(): Promise<Call> {
    await until(() => sent.length > 0, "the call to be passed on");
    return readCall(sent.shift() as string, 1);
  }

  it("fall to one host at a call, and to others when it passes the call on, until all have", async () => {
    const busy: string[] = [];
    for (let call = FIRST; busy.length < peers.length; call = await passed()) {
      const hosts = calledAt(call).filter((host) => !busy.includes(host));
      expect(hosts).to.have.length(Math.min(calledBy(call.wave), peers.length - busy.length));
      const rest = peers.filter((host) => !busy.includes(host));
      const [passing] = hosts.filter((host) => rankOf(host, rest, call.sender) === 0) as [string];
      expect(decline(passing)).to.equal(true);
      busy.push(passing);
      for (const host of hosts)
        if (host !== passing) expect(decline(host), "one of a wave passes it on").to.equal(false);
    }
    expect(calledAt(FIRST), "all skip the others, and none skips itself").to.deep.equal(peers);
  });

  it("pass on what a claim leaves behind to hosts that may be idle", async () => {
    const [first] = calledAt(FIRST) as [string];
    const of = turns.get(first) as Turns;
    of.share(of.takeCall());
    const [second] = calledAt(await passed()) as [string];
    expect(second).not.to.equal(first);
    of.share(of.takeCall());
    expect(sent, "it has heard no further call").to.deep.equal([]);
  });

  it("fall to a host that has just passed a call on, and also to the next", async () => {
    const [first] = calledAt(FIRST) as [string];
    decline(first);
    const next = calledAt(await passed()).find((host) => host !== first) as string;
    expect(calledAt(FIRST)).to.have.members([first, next]);
  });

  it("let a host without room pass on another call only once the others no longer skip it", async () => {
    const [busy] = calledAt(FIRST) as [string];
    expect(decline(busy)).to.equal(true);
    calledAt(await passed());
    const again = async (): Promise<boolean> => {
      expect(calledAt(FIRST), "no call depends on a host that ignores it").to.satisfy(
        (hosts: string[]) => hosts.length > 1 || sent.length > 0,
      );
      return decline(busy) && sent.length > 0;
    };
    await until(again, "its turn to come again");
  });

  it("pass a call on although a claim that was sent before it finds nothing", async () => {
    const [first] = calledAt(FIRST) as [string];
    const of = turns.get(first) as Turns;
    const sentAt = performance.now() - 1;
    decline(first);
    of.claimed({ jobs: [], more: false }, sentAt);
    expect(await passed()).to.include({ wave: 1, from: first });
  });

  it("skip a host that has left", () => {
    const [first] = calledAt(FIRST) as [string];
    turns.get(first)?.leave();
    const farewell = readCall(sent.shift() as string, 1);
    expect(
      calledAt(farewell).filter((host) => host !== first),
      "all see what it was called for",
    ).to.have.length(4);
    const others = calledAt(FIRST).filter((host) => host !== first);
    expect(others).to.have.length(1);
  });

  it("pass on as one the calls that come close to each other", async () => {
    const [host] = calledAt(FIRST) as [string];
    for (let times = 0; times < 50; times += 1) {
      turns.get(host)?.hear(FIRST);
      expect(decline(host)).to.equal(true);
    }
    await until(() => sent.length > 0, "the call to be passed on");
    expect(sent.length).to.be.below(5);
  });

  it("fall to every host while the hosts are not known", () => {
    const lonely = new Turns({
      queue: "default",
      host: "a",
      peers: () => null,
      send: (payload) => sent.push(payload),
    });
    expect(lonely.hear(FIRST)).to.equal(true);
    expect(lonely.decline()).to.equal(false);
  });

  it("fall to a host at every call after others have overlooked a job while it was idle", () => {
    const first = calledAt(FIRST);
    const [idle] = peers.filter((host) => !first.includes(host)) as [string];
    const of = turns.get(idle) as Turns;
    const job = claimedJob("double", {}, { insertedAt: 1_000, scheduledAt: 1_000, attemptedAt: 1_200 });
    of.foundWhileIdle();
    of.claimed({ jobs: [job], more: false }, performance.now());
    expect(of.hear(FIRST), "it waited 200 ms").to.equal(false);
    of.foundWhileBusy();
    of.claimed({ jobs: [{ ...job, attemptedAt: 2_000 }], more: false }, performance.now());
    expect(of.hear(FIRST), "this host was busy").to.equal(false);
    of.foundWhileIdle();
    of.claimed({ jobs: [{ ...job, attemptedAt: 2_000 }], more: false }, performance.now());
    expect(of.hear(FIRST)).to.equal(true);
  });
});

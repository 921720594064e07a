import { expect } from "chai";
import fc from "fast-check";
import { calledBy, rankOf } from "../../lib/runner/rank.js";

const hostIds = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 22 }), { minLength: 1, maxLength: 30 });
const senders = fc.nat(4_000_000);

describe("ranks", () => {
  it("differ between hosts, and are the same whatever the order in which a host knows the others", () => {
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

  it("call one host at first, then twice as many in each wave", () => {
    expect([0, 1, 2, 3, 4, 16].map(calledBy)).to.deep.equal([1, 2, 4, 8, 16, 65_536]);
  });

  it("spread senders evenly over the hosts", () => {
    const hosts = Array.from({ length: 5 }, (_, at) => `host ${at}`);
    const firsts = new Map<string, number>();
    for (let sender = 1_000; sender < 2_000; sender += 1) {
      const first = hosts.find((host) => rankOf(host, hosts, sender) === 0) as string;
      firsts.set(first, (firsts.get(first) ?? 0) + 1);
    }
    for (const count of firsts.values()) expect(count).to.be.within(150, 250);
    expect(firsts.size).to.equal(5);
  });
});

import { createHash } from "node:crypto";
import { expect } from "chai";
import { pack } from "../../../lib/codec/codec.js";
import type { Baton } from "../../../lib/index.js";
import { startWay, WAYS } from "../../support/hosts.js";
import { useSystem } from "../../support/system.js";
import { bytes } from "../../workers/flaky.js";
import { returning } from "../../workers/results.js";

/** The result of the worker `bytes`. */
function incompressible(size: number): Buffer {
  return createHash("shake256", { outputLength: size }).update("bytes").digest();
}

/** The size at which the worker's packed result has exactly this many bytes. */
function sizePackedTo(length: number): number {
  const packedTo = (size: number): number => pack(incompressible(size), { resultLimit: 2_000_000 }).bytes?.length ?? 0;
  const size = length - (packedTo(length) - length);
  expect(packedTo(size)).to.equal(length);
  return size;
}

for (const way of WAYS) {
  describe(`semantics of sizes, ${way}:`, () => {
    const { hosts } = useSystem("suite");
    let caller: Baton;

    before(async () => {
      caller = await startWay(way, hosts, { queues: { default: 4 } });
    });

    for (const length of [5_978, 5_979, 5_980, 8_191, 8_192]) {
      it(`5. a value of ${length.toLocaleString()} bytes compressed arrives`, async () => {
        const size = sizePackedTo(length);
        const relay = await caller.async(bytes.new({ size }));
        for (const baton of [caller, await hosts.start()]) {
          const result = await baton.await(relay);
          if (!result.ok) throw new Error(`${String(result.error)} instead of ${length} bytes`);
          expect(result.value.equals(incompressible(size))).to.equal(true);
        }
      });
    }

    for (const length of [8_193, 100_000]) {
      it(`5. a value of ${length.toLocaleString()} bytes is "result_too_large", and the job is completed, not retried`, async () => {
        const relay = await caller.async(bytes.new({ size: sizePackedTo(length) }));
        for (const baton of [caller, await hosts.start()]) {
          const result = await baton.await(relay, { withRetries: true });
          expect(result).to.include({ ok: false, error: "result_too_large" });
          expect(result.job).to.include({ state: "completed" });
        }
        for await (const job of caller.jobs({ ids: [relay.job.id] })) {
          expect(job).to.include({ state: "completed", attempt: 1 });
        }
      });
    }

    it("5. the compressed size counts: a hundred thousand equal characters arrive", async () => {
      const result = await caller.await(await caller.async(returning.new({ what: "repetitive" })));
      expect(result).to.include({ ok: true, value: "x".repeat(100_000) });
    });
  });

  describe(`semantics of a raised resultLimit, ${way}:`, () => {
    const { hosts } = useSystem("suite");
    let caller: Baton;

    before(async () => {
      caller = await startWay(way, hosts, { queues: { default: 4 }, resultLimit: 1_000_000 });
    });

    it("5. a value up to the limit arrives, and a larger one does not", async () => {
      const size = sizePackedTo(1_000_000);
      const [fits, over] = await caller.awaitMany(
        await caller.asyncMany([bytes.new({ size }), bytes.new({ size: size + 1 })]),
        20_000,
      );
      if (!fits.ok) throw new Error(String(fits.error));
      expect(fits.value.equals(incompressible(size))).to.equal(true);
      expect(over).to.include({ ok: false, error: "result_too_large" });
    });

    it("5. a value too large for a notification is still announced by one", async () => {
      const result = await caller.await(await caller.async(bytes.new({ size: 50_000 })));
      expect(result.via).to.equal(way === "same process" ? "local" : "notify");
      expect(caller.status().events).not.to.have.property("reconcile");
    });
  });
}

describe("a limit", () => {
  const { hosts, sql } = useSystem("test");

  it("keeps a result that is too large out of the row", async () => {
    const baton = await hosts.start({ queues: { default: 1 } });
    const relay = await baton.async(bytes.new({ size: 100_000 }));
    await baton.await(relay);
    const { rows } = await sql.query<{ bytes: number }>(
      "select octet_length(result) as bytes from baton.jobs where id = $1",
      [relay.job.id],
    );
    expect(rows[0]?.bytes).to.be.within(2, 32);
  });
});

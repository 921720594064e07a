import { deflateRawSync } from "node:zlib";
import { expect } from "chai";
import { pack } from "../../lib/codec/codec.js";
import { MAX_RESULT_LIMIT } from "../../lib/codec/limits.js";
import { TAG } from "../../lib/codec/tag.js";
import { DecodeError, JobNotFoundError } from "../../lib/errors.js";
import type { AwaitResult, Baton, Relay } from "../../lib/index.js";
import type { StoredAnswer } from "../../lib/job/answer.js";
import { Engine } from "../../lib/engine/engine.js";
import { uuidFromRef } from "../../lib/engine/ref.js";
import { startWay, WAYS } from "../support/hosts.js";
import { useSystem } from "../support/system.js";
import { until } from "../support/until.js";
import { bulky, cramped, noise, roomy, sized, verbose } from "../workers/sizes.js";
import type { Reply } from "./processes/host.js";

const MINUTE = 60_000;
const TEN_MB = 10_000_000;

/** The size of noise that takes exactly this many bytes when stored. */
function sizeStoredIn(length: number): number {
  const storedIn = (size: number): number =>
    pack(noise(size), { resultLimit: 2 * MAX_RESULT_LIMIT }).bytes?.length ?? 0;
  const size = length - (storedIn(length) - length);
  expect(storedIn(size)).to.equal(length);
  return size;
}

/**
 * Whether these are the bytes that the workers return. `deep.equal` takes seconds for megabytes.
 */
function isNoise(value: Buffer, seed = 0): boolean {
  return value.equals(noise(value.length, seed));
}

function errorOf(result: AwaitResult): unknown {
  return result.ok ? undefined : result.error;
}

/** The encoded bytes of a list of empty Maps. */
function emptyMaps(count: number): Buffer {
  const length = [(count & 0x7f) | 0x80, ((count >> 7) & 0x7f) | 0x80, count >> 14];
  return Buffer.concat([Buffer.from([TAG.ARRAY, ...length]), Buffer.alloc(2 * count, Buffer.from([TAG.MAP, 0]))]);
}

describe("large results", () => {
  const system = useSystem("test");
  const { hosts, sql } = system;

  /** Counts the reads of large results in this process during `work`. */
  async function readsDuring(work: () => Promise<unknown>): Promise<number> {
    const engines: { readLargeAnswers: (this: Engine, refs: readonly string[]) => Promise<StoredAnswer[]> } =
      Engine.prototype;
    const { readLargeAnswers } = engines;
    let reads = 0;
    engines.readLargeAnswers = function (refs) {
      reads += 1;
      return readLargeAnswers.call(this, refs);
    };
    try {
      await work();
    } finally {
      engines.readLargeAnswers = readLargeAnswers;
    }
    return reads;
  }

  async function valueOf(baton: Baton, relay: Relay<Buffer>): Promise<Buffer> {
    const result = await baton.await(relay, MINUTE);
    if (!result.ok) throw new Error(`${String(result.error)} instead of a value`);
    return result.value;
  }

  for (const way of WAYS) {
    describe(`${way}:`, () => {
      let caller: Baton;

      // The host has the default limit: that of the worker counts.
      beforeEach(async () => {
        caller = await startWay(way, hosts, { queues: { default: 4 } });
      });

      it("arrive whole, of 8 kB, 100 kB, 1 MB and 10 MB", async () => {
        const sizes = [...[8_191, 8_192, 8_193].map(sizeStoredIn), 16_384, 16_385, 100_000, 1_000_000, TEN_MB];
        const relays = await Promise.all(sizes.map((size, seed) => caller.async(roomy.new({ size, seed }))));
        for (const [seed, result] of (await caller.awaitMany(relays, MINUTE)).entries()) {
          if (!result.ok) throw new Error(String(result.error));
          expect(result.value).to.have.length(sizes[seed] ?? 0);
          expect(isNoise(result.value, seed), `the bytes of ${sizes[seed]}`).to.equal(true);
          expect(result.via).to.equal(way === "same process" ? "local" : "notify");
        }
      });

      it("arrive up to 64 MiB; one byte more is too large, and the result tells size and limit", async () => {
        const size = sizeStoredIn(MAX_RESULT_LIMIT);
        const [fits, over] = await caller.awaitMany(
          await caller.asyncMany([roomy.new({ size }), roomy.new({ size: size + 1 })]),
          MINUTE,
        );
        if (!fits.ok) throw new Error(String(fits.error));
        expect(fits.value.length).to.equal(size);
        expect(isNoise(fits.value)).to.equal(true);
        expect(over).to.deep.include({ ok: false, error: "result_too_large", size: 67_108_865, limit: 67_108_864 });
        expect(over.job).to.include({ state: "completed" });
      });

      it("are limited by their worker, or else by the host", async () => {
        const [small, more, hosted] = await caller.awaitMany(
          await caller.asyncMany([cramped.new({ size: 50 }), cramped.new({ size: 101 }), sized.new({ size: 10_000 })]),
        );
        expect(small).to.include({ ok: true });
        expect(more).to.include({ ok: false, error: "result_too_large", limit: 100 });
        expect(hosted).to.include({ ok: false, error: "result_too_large", limit: 8_192 });
      });

      it("are read from the row once a process, and not at all in that of the host", async () => {
        const reads = await readsDuring(async () => {
          const relay = await caller.async(roomy.new({ size: 1_000_000 }));
          const values = await Promise.all([valueOf(caller, relay), valueOf(caller, relay), valueOf(caller, relay)]);
          expect(values.every((value) => isNoise(value))).to.equal(true);
          expect(isNoise(await valueOf(caller, relay))).to.equal(true);
        });
        expect(reads).to.equal(way === "same process" ? 0 : 1);
      });

      it("reach late awaiters, and awaiters in other processes", async () => {
        const relay = await caller.async(roomy.new({ size: 200_000 }));
        const { process } = await hosts.spawn();
        process.send({ await: relay });
        await valueOf(caller, relay);
        const reply = await process.receive<Reply>((message) => "ref" in message);
        expect(isNoise(Buffer.from(reply.value as Buffer))).to.equal(true);
        expect(isNoise(await valueOf(await hosts.start(), relay))).to.equal(true);
      });

      it("arrive many at a time", async () => {
        const relays = await caller.asyncMany(
          Array.from({ length: 20 }, (_, seed) => roomy.new({ size: 3_000_000, seed })),
        );
        const results = await caller.awaitMany(relays, MINUTE);
        expect(results.map((result, seed) => result.ok && isNoise(result.value, seed))).to.deep.equal(
          relays.map(() => true),
        );
        expect(caller.status()).to.include({ unwritten: 0 });
      });

      it("need success: an error is limited to 8,192 bytes, but a reason is not", async () => {
        const [failed, cancelled] = await caller.awaitMany(
          await caller.asyncMany([bulky.new({ size: 100_000 }, { maxAttempts: 1 }), verbose.new({ size: 100_000 })]),
        );
        if (failed.ok || cancelled.ok) throw new Error("values");
        expect(failed.error).to.include({ message: "too much to say", code: "E_BULKY" });
        expect(cancelled.error).to.equal("cancelled");
        expect(isNoise(cancelled.reason as Buffer)).to.equal(true);
        const { rows } = await sql.query<{ bytes: number }>(
          "select octet_length(result) as bytes from baton.jobs where worker = 'bulky'",
        );
        expect(rows[0]?.bytes).to.be.at.most(8_194);
      });
    });
  }

  it("are found if the notification was lost", async () => {
    const { proxy, hosts: far } = await system.openProxy();
    const caller = await far.start();
    await hosts.start({ queues: { default: 1 } });
    proxy.deaf = true;
    const result = await caller.await(await caller.async(roomy.new({ size: 1_000_000 })), MINUTE);
    expect(result).to.include({ ok: true, via: "reconcile" });
    expect(result.ok && isNoise(result.value)).to.equal(true);
  });

  it("never time out once stored", async () => {
    const baton = await hosts.start({ queues: { default: 1 } });
    const relay = await baton.async(roomy.new({ size: TEN_MB }));
    await valueOf(baton, relay);
    const result = await (await hosts.start()).await(relay, 0);
    expect(result.ok && isNoise(result.value)).to.equal(true);
  });

  it("are deleted with their row", async () => {
    const baton = await hosts.start({ queues: { default: 1 }, retention: 0 });
    const relay = await baton.async(roomy.new({ size: 1_000_000 }));
    await valueOf(baton, relay);
    await until(async () => (await sql.query("select from baton.jobs")).rowCount === 0, "the pruner");
    await sql.query("vacuum baton.jobs");
    const { rows } = await sql.query<{ bytes: string }>("select pg_table_size('baton.jobs') as bytes");
    expect(Number(rows[0]?.bytes)).to.be.below(200_000);
    const result = await (await hosts.start()).await(relay);
    expect(errorOf(result)).to.be.instanceOf(JobNotFoundError);
  });

  it("are stored without a second compression or copy", async () => {
    const baton = await hosts.start({ queues: { default: 1 } });
    await valueOf(baton, await baton.async(roomy.new({ size: 1_000_000 })));
    const { rows } = await sql.query(
      `select attstorage, (select octet_length(result) between 1000000 and 1000100 from baton.jobs) as whole
      from pg_attribute where attrelid = 'baton.jobs'::regclass and attname = 'result'`,
    );
    expect(rows).to.deep.equal([{ attstorage: "e", whole: true }]);
  });

  describe("written by somebody else", () => {
    let caller: Baton;

    beforeEach(async () => {
      caller = await hosts.start();
    });

    /** Awaits a job whose row was given these bytes as its result. */
    async function planted(result: Buffer, timeout = MINUTE) {
      const relay = await caller.async(sized.new({ size: 1 }));
      await sql.query("update baton.jobs set state = 4, finished_at = now(), result = $2 where ref = $1", [
        uuidFromRef(relay.ref),
        result,
      ]);
      // Another caller, without a slot, which therefore looks it up at once.
      return (await hosts.start()).await(relay, timeout);
    }

    const value = (encoding: string, bytes: Buffer): Buffer => Buffer.concat([Buffer.from(`v${encoding}`), bytes]);

    for (const [what, why, result] of [
      ["noise as encoded", "bytes", () => value("b", noise(1_000_000))],
      ["noise as compressed", "does not inflate", () => value("z", noise(1_000_000))],
      ["zeros", "bytes", () => value("b", Buffer.alloc(TEN_MB))],
      [
        "half of a result",
        "end",
        () => value("b", pack(noise(1_000_000), { resultLimit: TEN_MB }).bytes?.subarray(0, 500_000) ?? noise(0)),
      ],
      ["a million empty Maps", "too many objects", () => value("z", deflateRawSync(emptyMaps(1_000_000)))],
      [
        "what inflates beyond 256 MiB",
        "does not inflate",
        () => value("z", deflateRawSync(Buffer.alloc(257 * 1_024 * 1_024), { level: 1 })),
      ],
      ["more than a result can be", "more than 67108864", () => value("b", Buffer.alloc(MAX_RESULT_LIMIT + 2))],
    ] as const) {
      it(`end in an Error: ${what}`, async () => {
        const awaited = await planted(result());
        const error = errorOf(awaited);
        expect(error).to.be.instanceOf(DecodeError);
        expect((error as Error).message).to.include(why);
      });
    }

    it("are ignored if their kind is unknown", async () => {
      expect(await planted(Buffer.concat([Buffer.from("?b"), noise(1_000_000)]), 50)).to.include({ error: "timeout" });
    });
  });
});

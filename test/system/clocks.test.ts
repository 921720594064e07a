import { expect } from "chai";
import type { Baton, BatonStatus, NewJob, Relay } from "../../lib/index.js";
import { Gate } from "../support/gate.js";
import { statusOf } from "../support/hosts.js";
import type { NodeProcess } from "../support/process.js";
import { useSystem } from "../support/system.js";
import { until } from "../support/until.js";
import { clock } from "../workers/clocks.js";
import { gated } from "../workers/gated.js";
import type { Reply } from "./processes/host.js";

const HOUR = 3_600_000;
const SHIFTS = { fast: HOUR, slow: -HOUR } as const;
const OFF = ["fast", "slow"] as const;
type Off = (typeof OFF)[number];

/** ms by which delays may blur a shift of an hour. */
const BLUR = HOUR / 4;
/** Longer than the test takes, and shorter than a wrong clock would make it. */
const RETENTION = HOUR / 2;
/** ms by which a job is delayed. */
const DELAY = 1_000;

interface Times {
  readonly inserted: number;
  readonly scheduled: number;
  readonly attempted: number;
  readonly finished: number;
  readonly now: number;
}

describe("all times are the database's, though the clocks of hosts and callers are an hour off", function () {
  this.timeout(60_000);
  const { hosts, sql } = useSystem("suite");
  let right: Baton;
  let processes: Readonly<
    Record<Off, { readonly host: NodeProcess; readonly id: string; readonly caller: NodeProcess }>
  >;

  before(async () => {
    right = await hosts.start({ queues: { right: 1 }, threads: 1, retention: RETENTION });
    const [fast, slow] = await Promise.all(OFF.map(start));
    if (fast === undefined || slow === undefined) throw new Error("they were to start");
    processes = { fast, slow };
  });

  async function start(off: Off) {
    const flags = ["--import", new URL("../support/shifted-clock.js", import.meta.url).href];
    const node = { flags, env: { CLOCK_SHIFT: String(SHIFTS[off]) } };
    const [host, caller] = await Promise.all([
      hosts.spawn({ queues: { [off]: 2 }, retention: RETENTION }, node),
      hosts.spawn({}, node),
    ]);
    return { host: host.process, id: host.host, caller: caller.process };
  }

  async function insert(caller: Off, job: NewJob): Promise<Relay> {
    processes[caller].caller.send({ insert: job });
    return (await processes[caller].caller.receive<{ relay: Relay }>((message) => "relay" in message)).relay;
  }

  async function awaited(caller: Off, relay: Relay, timeout: number): Promise<Reply> {
    processes[caller].caller.send({ await: relay, options: { timeout, withRetries: true } });
    return processes[caller].caller.receive<Reply>(({ ref }) => ref === relay.ref);
  }

  /** The times of a row and the present time of the database, in ms. */
  async function timesOf({ job }: Relay): Promise<Times> {
    const ms = (time: string) => `trunc(extract(epoch from ${time}) * 1000)::float8`;
    const { rows } = await sql.query<Times>(
      `select ${ms("inserted_at")} as inserted, ${ms("scheduled_at")} as scheduled, ${ms("attempted_at")} as attempted,
         ${ms("finished_at")} as finished, ${ms("clock_timestamp()")} as now from baton.jobs where id = $1`,
      [job.id],
    );
    return rows[0] as Times;
  }

  async function statuses(): Promise<BatonStatus[]> {
    const others = OFF.map((off) => statusOf(processes[off].host));
    return [right.status(), ...(await Promise.all(others))];
  }

  for (const caller of OFF) {
    for (const host of OFF) {
      describe(`a ${caller} caller and a ${host} host:`, () => {
        it("a job runs at once, and sees the times of the database", async () => {
          const relay = await insert(caller, clock.new({}, { queue: host }));
          const { ok, value } = await awaited(caller, relay, 20_000);
          expect(ok).to.equal(true);
          const seen = value as Record<"own" | "made" | "insertedAt" | "scheduledAt" | "attemptedAt", number>;
          const { inserted, scheduled, attempted, finished, now } = await timesOf(relay);
          expect(seen.own - now, "the thread's clock").to.be.closeTo(SHIFTS[host], BLUR);
          expect(seen.made - now, "the thread's dates").to.be.closeTo(SHIFTS[host], BLUR);
          expect(Math.trunc(seen.insertedAt)).to.equal(inserted);
          expect(Math.trunc(seen.scheduledAt)).to.equal(scheduled);
          expect(seen.attemptedAt).to.be.within(inserted, now);
          expect(scheduled).to.equal(inserted);
          expect(attempted).to.be.within(inserted, now);
          expect(finished).to.be.within(attempted, now);
        });

        it("scheduled, snoozed and retried jobs wait exactly as long as they should", async () => {
          const queue = host;
          const kept = await insert(caller, clock.new({}, { queue, scheduleIn: RETENTION }));
          const put = {
            scheduled: await insert(caller, clock.new({}, { queue, scheduleIn: DELAY })),
            snoozed: await insert(caller, clock.new({ first: "snooze", delay: DELAY / 1_000 }, { queue })),
            retried: await insert(caller, clock.new({ first: "fail", delay: DELAY / 1_000 }, { queue })),
          };
          for (const [how, relay] of Object.entries(put)) {
            expect(await awaited(caller, relay, 20_000), how).to.include({ ok: true });
            const { inserted, scheduled, attempted, now } = await timesOf(relay);
            expect(scheduled - inserted, how).to.be.at.least(DELAY);
            expect(scheduled, how).to.be.at.most(now);
            expect(attempted, how).to.be.at.least(scheduled);
          }
          const { inserted, scheduled } = await timesOf(put.scheduled);
          expect(scheduled - inserted).to.equal(DELAY);
          expect(await timesOf(kept), "what is due in half an hour").to.include({ attempted: null });
        });

        it("an await times out on time, and the next one gets the result", async () => {
          using gate = new Gate();
          const relay = await insert(caller, gated.new({ gate: gate.path }, { queue: host }));
          await gate.started();
          expect(await awaited(caller, relay, 100)).to.include({ ok: false, error: "timeout" });
          const result = awaited(caller, relay, 20_000);
          gate.open();
          expect(await result).to.include({ ok: true, value: "through on attempt 1" });
        });
      });
    }
  }

  it("no host is declared lost, though leases are judged", async () => {
    const signs = new Map<string, Set<number>>();
    // A new host judges no other before it has run for one lease.
    await until(
      async () => {
        const { rows } = await sql.query<{ id: string; seen_at: Date }>("select id, seen_at from baton.hosts");
        for (const { id, seen_at } of rows) signs.set(id, (signs.get(id) ?? new Set()).add(seen_at.getTime()));
        return [...signs.values()].every(({ size }) => size > 4);
      },
      "signs of life",
      50_000,
    );
    expect([...signs.keys()]).to.have.members([right.status().host, processes.fast.id, processes.slow.id]);
    for (const { events } of await statuses()) {
      expect(events).to.not.have.any.keys("rescue", "host:lost", "claim:lost", "service:error");
    }
  });

  it("rows are pruned after their retention, and not before", async () => {
    const fresh = await right.async(clock.new({}, { queue: "right" }));
    await right.await(fresh, 20_000);
    async function end(tag: string, minutesAgo: number): Promise<void> {
      await sql.query(
        `insert into baton.jobs (queue, worker, tags, state, finished_at)
         values ('past', 'clock', array[$1], 4, now() - $2 * interval '1 min')`,
        [tag, minutesAgo],
      );
    }
    async function left(tag: string): Promise<number | null> {
      return (await sql.query("select from baton.jobs where tags = array[$1]", [tag])).rowCount;
    }
    await end("young", 28);
    // Each host must find a row that is old enough.
    await until(
      async () => {
        if ((await left("old")) === 0) await end("old", 31);
        return (await statuses()).every(({ events }) => (events.prune ?? 0) > 0);
      },
      "each host to have removed something",
      55_000,
    );
    expect(await left("young")).to.equal(1);
    expect(await timesOf(fresh))
      .to.have.property("finished")
      .that.is.a("number");
  });
});

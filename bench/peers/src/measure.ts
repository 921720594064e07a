import { burnRounds } from "../../../dist/bench/support/cpu-check.js";
import { Child } from "../../../dist/bench/support/child.js";
import type { Server } from "../../../dist/bench/support/server.js";
import type { PeerName, Work } from "./arguments.js";
import type { Setting } from "./peer.js";
import type { Awaits, Drained, Part } from "./process.js";
import type { Redis } from "./redis.js";
import type { Turn } from "./rounds.js";

const PROCESS = new URL("./process.js", import.meta.url);

/** About how many ms each CPU-bound job takes when it has a core to itself. */
export const JOB_MS = 10;

/** How much of each work is done in a round, after how much of it to warm up. */
export const AMOUNTS: Readonly<Record<Work, { readonly count: number; readonly warmUp: number }>> = {
  latency: { count: 300, warmUp: 100 },
  same: { count: 300, warmUp: 100 },
  inflight: { count: 2_000, warmUp: 500 },
  noop: { count: 20_000, warmUp: 2_000 },
  cpu: { count: 300, warmUp: 20 },
};
export const IN_FLIGHT = 100;

/** Lets one peer after the other have its turn: with processes and a database of its own, so that none disturbs another's. */
export class Measurement {
  readonly #server: Server;
  readonly #redis: Redis | null;
  readonly #threads: number;
  readonly #scale: number;
  readonly #rounds = burnRounds(JOB_MS);

  constructor(server: Server, redis: Redis | null, threads: number, scale: number) {
    this.#server = server;
    this.#redis = redis;
    this.#threads = threads;
    this.#scale = scale;
  }

  async turn(name: PeerName, work: Work): Promise<Turn> {
    await this.#redis?.empty();
    const setting: Setting = {
      database: await this.#server.database(),
      redis: this.#redis?.port ?? 0,
      work,
      threads: this.#threads,
      burn: { rounds: this.#rounds },
    };
    const children: Child[] = [];
    const start = async (role: Part["role"]): Promise<Child> => {
      const child = await Child.start(PROCESS, { name, role, setting } satisfies Part, []);
      children.push(child);
      return child;
    };
    try {
      const together = work === "same" || name === "piscina";
      const host = await start(together ? "both" : "host");
      return { figures: await this.#figures(work, host, together ? host : await start("caller")) };
    } catch (error) {
      return { failed: (error as Error).message.split("\n")[0] ?? "" };
    } finally {
      for (const child of children.toReversed()) await child.stop();
    }
  }

  async #figures(work: Work, host: Child, caller: Child): Promise<Readonly<Record<string, number>>> {
    const [count, warmUp] = [this.#amount(work), Math.ceil(AMOUNTS[work].warmUp / this.#scale)];
    if (work === "noop" || work === "cpu") {
      await caller.ask("drain", { count: warmUp });
      await host.ask("startDelay");
      const { seconds, lost } = await caller.ask<Drained>("drain", { count });
      const delay = await host.ask<number>("stopDelay");
      return { jobs: (count - lost) / seconds, delay, lost };
    }
    const inFlight = work === "inflight" ? IN_FLIGHT : 1;
    await caller.ask("awaits", { count: warmUp, inFlight });
    return { ...(await caller.ask<Awaits>("awaits", { count, inFlight })) };
  }

  #amount(work: Work): number {
    return Math.ceil(AMOUNTS[work].count / this.#scale);
  }
}

import { availableParallelism } from "node:os";
import type { Child } from "../support/child.js";
import { burnRounds } from "../support/machine-speed.js";
import type { Bench, Contender, Figures, Line, Question } from "../support/question.js";
import type { PeerName, Work } from "./arguments.js";
import type { Part } from "./peer.js";
import type { Redis } from "./redis.js";

/** Compiled apart, with the peers' packages beside it. */
const PROCESS = new URL("../../../bench/peers/dist/process.js", import.meta.url);

/** About how many ms of CPU each CPU-bound job takes. */
const JOB_MS = 10;
const IN_FLIGHT = 100;

/**
 * The works of peers that cannot do all. Bare Piscina keeps nothing, and works in one process only.
 * The floor has no threads.
 */
const WORKS_OF: Readonly<Partial<Record<PeerName, ReadonlySet<Work>>>> = {
  piscina: new Set<Work>(["same", "noop", "cpu"]),
  floor: new Set<Work>(["latency", "same", "inflight", "noop"]),
};

const AWAITING: readonly Column[] = [
  { figure: "p50", label: "p50", unit: "ms" },
  { figure: "p99", label: "p99", unit: "ms" },
];
const DELAY: Column = { figure: "delay", label: "host's event-loop delay p99", unit: "ms" };
const JOBS: Column = { figure: "jobs", label: "jobs", unit: "/s" };

interface Column {
  readonly figure: string;
  readonly label: string;
  readonly unit: string;
  /** Compared with bare Piscina. */
  readonly compared?: boolean;
}

/** How a work is measured: this many jobs in a round, after a warm-up with this many. */
interface Plan {
  readonly title: (count: string) => string;
  readonly count: number;
  readonly warmUp: number;
  readonly columns: readonly Column[];
}

const PLANS: Readonly<Record<Work, Plan>> = {
  latency: {
    title: (count) => `two processes, one await at a time, ${count}`,
    count: 300,
    warmUp: 100,
    columns: AWAITING,
  },
  same: {
    title: (count) => `one process, one await at a time, ${count}`,
    count: 300,
    warmUp: 100,
    columns: AWAITING,
  },
  inflight: {
    title: (count) => `two processes, ${IN_FLIGHT} awaits in flight, ${count}`,
    count: 2_000,
    warmUp: 500,
    columns: [{ figure: "results", label: "results", unit: "/s" }, ...AWAITING.slice(1)],
  },
  noop: {
    title: (count) => `${count} no-op jobs, one host`,
    count: 20_000,
    warmUp: 2_000,
    columns: [JOBS, DELAY],
  },
  cpu: {
    title: (count) => `${count} jobs of about ${JOB_MS} ms of CPU, one host`,
    count: 300,
    warmUp: 20,
    columns: [{ ...JOBS, compared: true }, DELAY],
  },
};

/** The result of a number of awaits. */
export interface Awaits {
  /** ms */
  readonly p50: number;
  /** ms */
  readonly p99: number;
  /** Right results a second. */
  readonly results: number;
  /** Awaits without an answer in time, or with another job's. */
  readonly lost: number;
}

/** The result of a number of jobs that nobody awaits. */
export interface Drained {
  readonly seconds: number;
  readonly lost: number;
}

/** Options of all works. */
export interface Options {
  readonly peers: readonly PeerName[];
  /** Divides the number of jobs. */
  readonly scale: number;
  readonly redis: Redis | null;
  /** Called when a peer's turn fails: that round has no figures of it. */
  readonly onFailure: (peer: PeerName, work: Work, error: Error) => void;
}

/** A work as a question of the bench, with the peers as contenders. */
export function questionOf(work: Work, options: Options): Question {
  const { title, count, columns } = PLANS[work];
  const peers = options.peers.filter((peer) => WORKS_OF[peer]?.has(work) ?? true);
  const shown = scaled(count, options).toLocaleString("en");
  const lost: Column = { figure: "lost", label: "lost", unit: `of ${shown}` };
  return {
    scope: work,
    title: title(shown),
    about: "Each peer has a fresh database and fresh processes in each round.",
    lines: peers.flatMap((peer) => [...columns, lost].map((column) => lineOf(peer, column, peers))),
    rotate: true,
    open: async (bench) => {
      const burn = { rounds: burnRounds(JOB_MS) };
      return peers.map((peer) => contenderOf(peer, work, bench, burn, options));
    },
  };
}

function lineOf(peer: PeerName, { figure, label, unit, compared }: Column, peers: readonly PeerName[]): Line {
  const against = compared === true && peers.includes("piscina") ? (["piscina", figure] as const) : undefined;
  return { label: `${peer}, ${label}`, unit, of: [peer, figure], ...(against && { against }) };
}

function contenderOf(
  name: PeerName,
  work: Work,
  bench: Bench,
  burn: { readonly rounds: number },
  options: Options,
): Contender {
  const round = async (): Promise<Figures> => {
    const { redis } = options;
    await redis?.empty();
    const database = await bench.database();
    const setting = { database, redis: redis?.port ?? 0, work, threads: availableParallelism(), burn };
    const children: Child[] = [];
    const start = async (role: Part["role"]): Promise<Child> => {
      const child = await bench.child(PROCESS, { name, role, setting } satisfies Part);
      children.push(child);
      return child;
    };
    try {
      const together = work === "same" || name === "piscina";
      const host = await start(together ? "both" : "host");
      return await figuresOf(work, host, together ? host : await start("caller"), options);
    } catch (error) {
      options.onFailure(name, work, error as Error);
      return {};
    } finally {
      for (const child of children.toReversed()) await child.stop();
    }
  };
  // Every turn warms its own processes up.
  return { name, round, warmUp: async () => {} };
}

async function figuresOf(work: Work, host: Child, caller: Child, options: Options): Promise<Figures> {
  const [count, warmUp] = [scaled(PLANS[work].count, options), scaled(PLANS[work].warmUp, options)];
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

function scaled(count: number, { scale }: Options): number {
  return Math.ceil(count / scale);
}

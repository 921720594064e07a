import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Embedded } from "../../lib/embedded.js";
import type { Hosts } from "../support/hosts.js";
import type { NodeProcess } from "../support/process.js";
import type { Mishaps } from "./ledger.js";
import type { Fault } from "./plan.js";
import { freezeServer, lockJobs } from "./stall.js";

const QUEUES = { default: 20 };
/** Hosts of each release. */
export const HOSTS = 2;

/** Connections by owner, told by their last statement. */
const WHOSE = {
  "cut all connections": "true",
  "cut who listens": "query ~* '^listen|advisory|stat_get_activity'",
  "cut statements": "query !~* '^listen|advisory|stat_get_activity'",
} as const;

/** Applies the faults of a plan to hosts and their database, and records them. */
export class Chaos implements Mishaps {
  readonly killed = new Map<number, number>();
  readonly stopped = new Map<number, number>();
  readonly frozen: { pid: number; from: number; until: number }[] = [];
  readonly crashed: { from: number; until: number }[] = [];
  readonly stalled: { kind: string; from: number; until: number }[] = [];
  readonly cut: number[] = [];
  /** The processes that run another release. */
  readonly others = new Set<number>();
  readonly counts = new Map<Fault["kind"], number>();
  readonly #hosts: Hosts;
  readonly #server: Embedded;
  readonly #say: (line: string) => void;
  /** Repairs under way while other faults go on. */
  readonly #repairs: Promise<void>[] = [];
  /** The hosts by place; undefined where one is not up again yet. */
  readonly #running: (NodeProcess | undefined)[] = [];
  /** Resolves once the database works again. */
  #stall: Promise<void> = Promise.resolve();

  constructor(hosts: Hosts, server: Embedded, say: (line: string) => void) {
    this.#hosts = hosts;
    this.#server = server;
    this.#say = say;
  }

  /**
   * Starts the hosts. Those of another release start first, as in a rolling deploy, since they
   * would refuse the schema of this one. When one of them ends, a host of this release replaces it.
   */
  async start(other: URL | undefined): Promise<void> {
    if (other !== undefined) await Promise.all(places(HOSTS, HOSTS).map((place) => this.#spawn(place, other)));
    await Promise.all(places(0, HOSTS).map((place) => this.#spawn(place)));
  }

  /** Applies all faults of the plan. Resolves once as many hosts live as at its beginning. */
  async run(plan: readonly Fault[]): Promise<void> {
    const start = performance.now();
    for (const fault of plan) {
      await sleep(Math.max(0, fault.at - (performance.now() - start)));
      this.#say(`${(fault.at / 1_000).toFixed(1)} s: ${fault.kind}${"host" in fault ? ` (${fault.host})` : ""}`);
      this.counts.set(fault.kind, (this.counts.get(fault.kind) ?? 0) + 1);
      await this.#do(fault);
    }
    await Promise.all(this.#repairs);
  }

  async #do(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case "kill a host":
        return this.#kill(fault.host);
      case "restart a host":
        return this.#restart(fault.host);
      case "freeze a host":
        return this.#freeze(fault.host, fault.ms);
      case "crash PostgreSQL":
        await this.#stall;
        return this.#crash(fault.ms);
      case "freeze PostgreSQL":
        await this.#stall;
        return this.#stalling(fault.kind, freezeServer(this.#server, fault.ms));
      case "lock the jobs":
        await this.#stall;
        return this.#stalling(fault.kind, lockJobs(this.#server, fault.ms));
      default:
        await this.#stall;
        this.cut.push(Date.now());
        return this.#cut(WHOSE[fault.kind]);
    }
  }

  async #kill(place: number): Promise<void> {
    const host = this.#take(place);
    if (host === undefined) return;
    this.killed.set(host.pid, Date.now());
    await host[Symbol.asyncDispose]();
    this.#repairs.push(this.#spawn(place));
  }

  /** Stops a host as a deploy does: gracefully, and without waiting for it. */
  async #restart(place: number): Promise<void> {
    const host = this.#take(place);
    if (host === undefined) return;
    host.kill("SIGTERM");
    const again = async (): Promise<void> => {
      await host.exited;
      this.stopped.set(host.pid, Date.now());
      await this.#spawn(place);
    };
    this.#repairs.push(again());
  }

  async #freeze(place: number, ms: number): Promise<void> {
    const host = this.#running[place];
    if (host === undefined) return;
    const freeze = { pid: host.pid, from: Date.now(), until: Number.POSITIVE_INFINITY };
    this.frozen.push(freeze);
    host.kill("SIGSTOP");
    const thaw = async (): Promise<void> => {
      await sleep(ms);
      freeze.until = Date.now();
      host.kill("SIGCONT");
    };
    this.#repairs.push(thaw());
  }

  async #crash(ms: number): Promise<void> {
    const crash = { from: Date.now(), until: Number.POSITIVE_INFINITY };
    this.crashed.push(crash);
    await this.#server.stop("immediate");
    await sleep(ms);
    await this.#server.start();
    crash.until = Date.now();
  }

  /** Does not wait for the end of the stall, since faults of hosts during a stall are the point. */
  #stalling(kind: string, stall: Promise<void>): void {
    const record = { kind, from: Date.now(), until: Number.POSITIVE_INFINITY };
    this.stalled.push(record);
    const over = async (): Promise<void> => {
      await stall;
      record.until = Date.now();
      this.#say(`${kind}: over after ${((record.until - record.from) / 1_000).toFixed(1)} s`);
    };
    this.#stall = over();
    this.#repairs.push(this.#stall);
  }

  /** Removes and returns the host at a place; undefined if it is not up again yet. */
  #take(place: number): NodeProcess | undefined {
    const host = this.#running[place];
    this.#running[place] = undefined;
    return host;
  }

  async #spawn(place: number, script?: URL): Promise<void> {
    // It cannot start while the database is away. Retries, as a supervisor would.
    for (;;) {
      try {
        const { process } = await this.#hosts.spawn({ queues: QUEUES, threads: 2 }, {}, script);
        this.#running[place] = process;
        if (script !== undefined) this.others.add(process.pid);
        return;
      } catch (error) {
        if (script !== undefined) throw error;
        await sleep(200);
      }
    }
  }

  async #cut(whose: string): Promise<void> {
    const sql = new pg.Client(this.#server.url);
    await sql.connect();
    await sql.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'pg-baton%' and ${whose}`,
    );
    await sql.end();
  }
}

function places(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

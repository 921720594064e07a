import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Embedded } from "../../lib/embedded.js";
import type { Hosts } from "../support/hosts.js";
import type { NodeProcess } from "../support/process.js";
import type { Mishaps } from "./ledger.js";
import type { Fault } from "./plan.js";

export const QUEUES = { default: 20 };

/** Whose connections: by what they did last. */
const WHOSE = {
  "cut all connections": "true",
  "cut who listens": "query ~* '^listen|advisory|stat_get_activity'",
  "cut statements": "query !~* '^listen|advisory|stat_get_activity'",
} as const;

/** Does to two hosts and their database what a plan says, and keeps a record of it. */
export class Chaos implements Mishaps {
  readonly killed = new Map<number, number>();
  readonly frozen: { pid: number; from: number; until: number }[] = [];
  readonly crashed: { from: number; until: number }[] = [];
  readonly cut: number[] = [];
  readonly counts = new Map<Fault["kind"], number>();
  readonly #hosts: Hosts;
  readonly #server: Embedded;
  readonly #say: (line: string) => void;
  /** What mends by itself while other things go wrong. */
  readonly #repairs: Promise<void>[] = [];
  readonly #pair: (NodeProcess | undefined)[] = [];

  constructor(hosts: Hosts, server: Embedded, say: (line: string) => void) {
    this.#hosts = hosts;
    this.#server = server;
    this.#say = say;
  }

  async start(): Promise<void> {
    await Promise.all([this.#spawn(0), this.#spawn(1)]);
  }

  /** Resolves when all that was planned is done, and two hosts live. */
  async run(plan: readonly Fault[]): Promise<void> {
    const start = performance.now();
    for (const fault of plan) {
      await sleep(Math.max(0, fault.at - (performance.now() - start)));
      this.#say(`${(fault.at / 1_000).toFixed(1)} s: ${fault.kind}`);
      this.counts.set(fault.kind, (this.counts.get(fault.kind) ?? 0) + 1);
      await this.#do(fault);
    }
    await Promise.all(this.#repairs);
  }

  async #do(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case "kill a host": {
        const host = this.#pair[fault.host];
        // Not up again yet since the last time.
        if (host === undefined) return;
        this.#pair[fault.host] = undefined;
        this.killed.set(host.pid, Date.now());
        await host[Symbol.asyncDispose]();
        this.#repairs.push(this.#spawn(fault.host));
        return;
      }
      case "freeze a host": {
        const host = this.#pair[fault.host];
        if (host === undefined) return;
        const freeze = { pid: host.pid, from: Date.now(), until: Number.POSITIVE_INFINITY };
        this.frozen.push(freeze);
        host.kill("SIGSTOP");
        const thaw = (): void => {
          freeze.until = Date.now();
          host.kill("SIGCONT");
        };
        this.#repairs.push(sleep(fault.ms).then(thaw));
        return;
      }
      case "crash PostgreSQL": {
        const crash = { from: Date.now(), until: Number.POSITIVE_INFINITY };
        this.crashed.push(crash);
        await this.#server.stop("immediate");
        await sleep(fault.ms);
        await this.#server.start();
        crash.until = Date.now();
        return;
      }
      default:
        this.cut.push(Date.now());
        await this.#cut(WHOSE[fault.kind]);
    }
  }

  async #spawn(which: 0 | 1): Promise<void> {
    // It cannot start while the database is away; then as a supervisor would.
    for (;;) {
      try {
        const { process } = await this.#hosts.spawn({ queues: QUEUES, threads: 2 });
        this.#pair[which] = process;
        return;
      } catch {
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

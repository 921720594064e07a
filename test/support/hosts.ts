import { Baton, type BatonOptions } from "../../lib/index.js";
import { type NodeProcess, spawnNode, type SpawnNodeOptions } from "./process.js";
import { WORKERS } from "./workers.js";

type Options = Omit<BatonOptions, "connection" | "workers">;

const SCRIPT = new URL("../system/processes/host.js", import.meta.url);

/** The Batons that a test file starts on its database, in this process and in others; `stop` ends them all. */
export class Hosts {
  readonly #connection: string;
  readonly #batons: Baton[] = [];
  readonly #processes: NodeProcess[] = [];

  constructor(connection: string) {
    this.#connection = connection;
  }

  /** A Baton in this process with all test workers: a caller only, unless it is given queues. Not started. */
  make(options: Options = {}): Baton {
    const baton = new Baton({ threads: 2, ...options, connection: this.#connection, workers: WORKERS });
    this.#batons.push(baton);
    return baton;
  }

  /** Like {@link make}, started. */
  start(options: Options = {}): Promise<Baton> {
    return this.make(options).start();
  }

  /** A Baton in a process of its own, of this release unless `script` is that of another; its host id. */
  async spawn(
    options: Options = {},
    node: SpawnNodeOptions = {},
    script = SCRIPT,
  ): Promise<{ process: NodeProcess; host: string }> {
    const given = { threads: 2, ...options, connection: this.#connection };
    const process = spawnNode(script, [JSON.stringify(given)], node);
    this.#processes.push(process);
    const { started } = await process.receive<{ started?: string }>((message) => "started" in message);
    return { process, host: started ?? "" };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#batons.splice(0).map((baton) => baton.stop()));
    await Promise.all(this.#processes.splice(0).map((process) => process[Symbol.asyncDispose]()));
  }
}

/** Where a job runs, seen from its caller. */
export const WAYS = ["same process", "another process"] as const;
export type Way = (typeof WAYS)[number];

/** Starts a host of these queues, and returns the caller that is there for it: itself, or a Baton without queues. */
export async function startWay(way: Way, hosts: Hosts, options: Options): Promise<Baton> {
  if (way === "same process") return hosts.start(options);
  const [caller] = await Promise.all([hosts.start({ ...options, queues: {} }), hosts.spawn(options)]);
  return caller;
}

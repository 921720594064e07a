import { Baton, type BatonOptions, type BatonStatus, type JobRow } from "../../lib/index.js";
import { type NodeProcess, spawnNode, type SpawnNodeOptions } from "./process.js";
import { WORKERS } from "./workers.js";

type Options = Omit<BatonOptions, "connection" | "workers">;
type WithWorkers = Options & Partial<Pick<BatonOptions, "workers">>;

const SCRIPT = new URL("../system/processes/host.js", import.meta.url);

/** The Batons of a test on one database, in this process and in others. */
export class Hosts {
  readonly #connection: () => string;
  readonly #batons: Baton[] = [];
  readonly #processes: NodeProcess[] = [];

  /** @param connection a URL, or a function that returns it when a host needs it. */
  constructor(connection: string | (() => string)) {
    this.#connection = typeof connection === "string" ? () => connection : connection;
  }

  /**
   * Creates a Baton in this process, with all test workers by default. It
   * only calls and awaits jobs, unless it has queues.
   */
  make(options: WithWorkers = {}): Baton {
    const baton = new Baton({ threads: 2, workers: WORKERS, ...options, connection: this.#connection() });
    this.#batons.push(baton);
    return baton;
  }

  /** Creates a Baton like {@link make}, and starts it. */
  start(options: WithWorkers = {}): Promise<Baton> {
    return this.make(options).start();
  }

  /**
   * Starts a Baton in a process of its own, and returns its host id.
   * Another `script` can be that of another release.
   */
  async spawn(
    options: Options = {},
    node: SpawnNodeOptions = {},
    script = SCRIPT,
  ): Promise<{ process: NodeProcess; host: string }> {
    const given = { threads: 2, ...options, connection: this.#connection() };
    const process = spawnNode(script, [JSON.stringify(given)], node);
    this.#processes.push(process);
    const { started } = await process.receive<{ started?: string }>((message) => "started" in message);
    return { process, host: started ?? "" };
  }

  /** Stops all of them, and ends their processes. */
  async stop(): Promise<void> {
    await Promise.all(this.#batons.splice(0).map((baton) => baton.stop()));
    await Promise.all(this.#processes.splice(0).map((process) => process[Symbol.asyncDispose]()));
  }
}

/** Asks a process that {@link Hosts.spawn} started for the status of its Baton. */
export async function statusOf(process: NodeProcess): Promise<BatonStatus> {
  process.send({ status: true });
  return (await process.receive<{ status: BatonStatus }>((message) => "status" in message)).status;
}

/** Reads the rows of jobs, in the order of their ids. */
export async function rowsOf(baton: Baton, ids: readonly number[]): Promise<JobRow[]> {
  const rows: JobRow[] = [];
  for await (const row of baton.jobs({ ids })) rows.push(row);
  return rows;
}

/** Reads the row of one job. */
export async function rowOf(baton: Baton, id: number): Promise<JobRow> {
  const [row] = await rowsOf(baton, [id]);
  if (row === undefined) throw new Error(`There is no job ${id}`);
  return row;
}

/** Where a job runs, seen from its caller. */
export const WAYS = ["same process", "another process"] as const;
export type Way = (typeof WAYS)[number];

/** Starts a host, and returns its caller: the host itself, or a Baton without queues. */
export async function startWay(way: Way, hosts: Hosts, options: Options): Promise<Baton> {
  if (way === "same process") return hosts.start(options);
  const [caller] = await Promise.all([hosts.start({ ...options, queues: {} }), hosts.spawn(options)]);
  return caller;
}

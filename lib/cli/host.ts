import { parseArgs } from "node:util";
import { Baton } from "../baton.js";
import type { QueueOption } from "../options.js";
import { UsageError } from "./usage.js";
import { loadWorkers } from "./workers.js";

const HELP = `Run a host: fetch jobs from PostgreSQL and run them in threads, until SIGTERM or SIGINT.

Usage: pg-baton host --workers <path> --queue <name:limit> [options]

  --workers <path>      a module that exports workers, or a folder of such modules; may be given several times
  --queue <name:limit>  a queue, and how many of its jobs to run at a time; may be given several times
  --connection <url>    postgres://user:password@host:port/database; default: the environment's DATABASE_URL
  --threads <n>         default: the cores available
  --prefix <schema>     default: baton
  --name <name>         for people; default: baton
  --grace <ms>          how long running jobs get to end when it stops; default: 15000
  --help
`;

const OPTIONS = {
  workers: { type: "string", multiple: true, default: [] as string[] },
  queue: { type: "string", multiple: true, default: [] as string[] },
  connection: { type: "string" },
  threads: { type: "string" },
  prefix: { type: "string" },
  name: { type: "string" },
  grace: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** `pg-baton host`. Resolves to the exit status once the host has stopped; a second signal ends the process at once. */
export async function hostCommand(args: string[]): Promise<number> {
  const values = parse(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const { workers: paths, queue, threads, prefix, name, grace } = values;
  if (paths.length === 0)
    throw new UsageError("--workers is missing: name a module, or a folder of modules, that exports workers");
  if (queue.length === 0) throw new UsageError("--queue is missing: name a queue and its limit, such as default:4");
  const connection = values.connection ?? process.env.DATABASE_URL;
  if (connection === undefined || connection === "")
    throw new UsageError("--connection is missing, and DATABASE_URL is not set");
  const workers = await loadWorkers(paths);
  const queues = Object.fromEntries(queue.map(parseQueue));
  const baton = new Baton({
    connection,
    workers,
    queues,
    ...(threads !== undefined && { threads: number("threads", threads) }),
    ...(grace !== undefined && { shutdownGracePeriod: number("grace", grace) }),
    ...(prefix !== undefined && { prefix }),
    ...(name !== undefined && { name }),
  });
  const signal = nextSignal();
  await baton.start();
  say(
    `host ${baton.status().host} is up: queues ${queue.join(", ")}; workers ${workers.map((worker) => worker.name).join(", ")}`,
  );
  say(`${await signal}: stopping, running jobs get ${grace ?? 15_000} ms to end`);
  const again = nextSignal().then((second) => {
    say(`${second}: ending at once; other hosts take up what was running`);
    process.exit(1);
  });
  await Promise.race([baton.stop(), again]);
  say("stopped");
  return 0;
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split(". ")[0]}: see pg-baton host --help`);
  }
}

function parseQueue(text: string): [string, QueueOption] {
  const match = /^(.+):(\d+)$/.exec(text);
  if (match === null) throw new UsageError(`--queue ${text} has no limit: write name:limit, such as default:4`);
  return [match[1] as string, Number(match[2])];
}

function number(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) throw new UsageError(`--${option} ${text} is no number`);
  return value;
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const heard = (signal: NodeJS.Signals): void => {
      process.off("SIGTERM", heard);
      process.off("SIGINT", heard);
      resolve(signal);
    };
    process.on("SIGTERM", heard);
    process.on("SIGINT", heard);
  });
}

function say(line: string): void {
  process.stdout.write(`pg-baton: ${line}\n`);
}

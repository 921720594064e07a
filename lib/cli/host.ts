import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Baton } from "../baton.js";
import { connectionOf, maskPasswords } from "./connection.js";
import { keepJournal } from "./journal.js";
import { UP } from "./supervisor.js";
import { UsageError } from "./usage.js";
import { loadWorkers } from "./workers.js";

const HELP = `Run a host: fetch jobs from PostgreSQL and run them in threads, until SIGTERM or SIGINT.

Usage: pg-baton host --workers <path> --queue <name:limit> [options]

  --workers <path>      a module that exports workers, or a folder of such, with those within; may be given several times
  --queue <name:limit>  a queue, and how many of its jobs to run at a time; may be given several times
  --connection <url>    postgres://user@host:port/database; default: the environment's DATABASE_URL
  --connection-file <path>
                        a file that holds the URL; keeps its password out of the list of processes, as DATABASE_URL does
  --threads <n>         default: the cores available
  --prefix <schema>     default: baton
  --name <name>         for people; default: baton
  --grace <ms>          how long running jobs get to end when it stops; default: 15000
  --no-supervise        run in this very process; otherwise in one of its own, which is started again when it dies
  --help
`;

const OPTIONS = {
  workers: { type: "string", multiple: true, default: [] as string[] },
  queue: { type: "string", multiple: true, default: [] as string[] },
  connection: { type: "string" },
  "connection-file": { type: "string" },
  threads: { type: "string" },
  prefix: { type: "string" },
  name: { type: "string" },
  grace: { type: "string" },
  "no-supervise": { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

/**
 * `pg-baton host`: runs a host until the first SIGTERM or SIGINT, or until its supervisor is gone, and ends the process once it
 * has stopped, whatever the workers' modules left running in it. A second signal ends it at once, with status 1; where native
 * code keeps it from that, a third one does.
 */
export async function hostCommand(args: string[]): Promise<number> {
  const values = parse(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const { workers: paths, queue, grace } = values;
  if (paths.length === 0)
    throw new UsageError("--workers is missing: name a module, or a folder of modules, that exports workers");
  if (queue.length === 0) throw new UsageError("--queue is missing: name a queue and its limit, such as default:4");
  const connection = connectionOf(values.connection, values["connection-file"]);
  const queues = parseQueues(queue);
  const threads = values.threads === undefined ? availableParallelism() : number("threads", values.threads);
  const workers = await loadWorkers(paths);
  const baton = new Baton({
    connection,
    workers,
    queues,
    threads,
    ...(grace !== undefined && { shutdownGracePeriod: number("grace", grace) }),
    ...(values.prefix !== undefined && { prefix: values.prefix }),
    ...(values.name !== undefined && { name: values.name }),
  });
  keepJournal((line) => process.stderr.write(`pg-baton: ${maskPasswords(line)}\n`));
  const told = new Promise<string>((resolve) => {
    endAtSecondSignal(resolve);
    process.once("disconnect", () => resolve("the supervisor is gone"));
    // Listening for that must not keep a process that cannot start.
    process.channel?.unref();
  });
  await baton.start();
  const { name, host } = baton.status();
  const names = workers.map((worker) => worker.name).join(", ");
  say(`host ${name} (${host}) is up: queues ${queue.join(", ")}; workers ${names}; threads ${threads}`);
  process.send?.(UP);
  const reason = await told;
  say(`${reason}: stopping, running jobs get ${grace ?? 15_000} ms to end`);
  await baton.stop();
  const { ending } = baton.status().threads;
  if (ending > 0) return endUnderNativeCode(reason, ending);
  say("stopped");
  process.exit(0);
}

/** Ends the process by the signal that it was stopped with: `process.exit()` would wait for threads that are in native code. */
function endUnderNativeCode(reason: string, threads: number): never {
  say(`stopped; native code runs on in ${threads} ${threads === 1 ? "thread" : "threads"}, and is cut off`);
  const signal = reason === "SIGINT" ? "SIGINT" : "SIGTERM";
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  process.exit(0);
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split(". ")[0]}: see pg-baton host --help`);
  }
}

function parseQueues(texts: readonly string[]): Record<string, number> {
  const queues = new Map<string, number>();
  for (const text of texts) {
    const [, name = "", limit] = /^(.+):(\d+)$/.exec(text) ?? [];
    if (name === "") throw new UsageError(`--queue ${text} has no limit: write name:limit, such as default:4`);
    if (queues.has(name)) throw new UsageError(`--queue ${text} names ${name} a second time`);
    queues.set(name, Number(limit));
  }
  return Object.fromEntries(queues);
}

function number(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) throw new UsageError(`--${option} ${text} is no number`);
  return value;
}

/** Calls back at the first signal. */
function endAtSecondSignal(onFirst: (signal: NodeJS.Signals) => void): void {
  let signals = 0;
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.on(name, () => {
      signals += 1;
      if (signals === 1) return onFirst(name);
      say(`${name}: ending at once; other hosts take up what was running`);
      process.removeAllListeners(name);
      process.exit(1);
    });
  }
}

function say(line: string): void {
  process.stdout.write(`pg-baton: ${line}\n`);
}

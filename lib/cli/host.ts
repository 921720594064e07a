import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Baton } from "../baton.js";
import { connectionOf, maskPasswords } from "./connection.js";
import { keepJournal } from "./journal.js";
import { UP } from "./supervisor.js";
import { UsageError } from "./usage.js";
import { loadWorkers } from "./workers.js";

const HELP = `Runs a host: claims jobs from PostgreSQL and runs them in threads, until SIGTERM or SIGINT.

Usage: pg-baton host --workers <path> --queue <name:limit> [options]

  --workers <path>          a module that exports workers, or a folder of modules (searched
                            recursively); repeatable
  --queue <name:limit>      a queue and how many of its jobs to run at once; repeatable
  --connection <url>        postgres://user@host:port/database; default: DATABASE_URL
  --connection-file <path>  a file that contains the URL. Like DATABASE_URL, it keeps the password
                            out of the process list
  --threads <n>             number of threads; default: the available cores
  --prefix <schema>         PostgreSQL schema of Baton's tables; default: baton
  --name <name>             name of the host in logs; default: baton
  --grace <ms>              time for running jobs to end after SIGTERM or SIGINT; default: 15000
  --no-supervise            run the host in this process; default: in a child process, which is
                            restarted if it dies
  -h, --help                show this help
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
 * `pg-baton host`: runs a host until the first SIGTERM or SIGINT, or until its supervisor has died.
 *
 * Ends the process once the host has stopped, even if modules of workers keep it
 * alive. A second signal ends the process at once, with status 1; if native code
 * prevents that, a third signal does.
 */
export async function hostCommand(args: string[]): Promise<number> {
  const values = parse(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const { workers: paths, queue, grace } = values;
  if (paths.length === 0)
    throw new UsageError("--workers is missing: name a module that exports workers, or a folder of such modules");
  if (queue.length === 0) throw new UsageError("--queue is missing: name a queue and its limit, for example default:4");
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
  const stopReason = new Promise<string>((resolve) => {
    endAtSecondSignal(resolve);
    process.once("disconnect", () => resolve("the supervisor is gone"));
    // A process that fails to start must end although it listens on this channel.
    process.channel?.unref();
  });
  await baton.start();
  const { name, host } = baton.status();
  const names = workers.map((worker) => worker.name).join(", ");
  say(`host ${name} (${host}) is up: queues ${queue.join(", ")}; workers ${names}; threads ${threads}`);
  process.send?.(UP);
  const reason = await stopReason;
  say(`${reason}: stopping, running jobs get ${grace ?? 15_000} ms to end`);
  await baton.stop();
  const { ending } = baton.status().threads;
  if (ending > 0) return endUnderNativeCode(reason, ending);
  say("stopped");
  process.exit(0);
}

/**
 * Ends the process by the signal that stopped it: `process.exit()` would wait
 * for threads in native code.
 */
function endUnderNativeCode(reason: string, threads: number): never {
  say(`stopped; native code still runs in ${threads} ${threads === 1 ? "thread" : "threads"} and is killed`);
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
    if (name === "") throw new UsageError(`--queue ${text} has no limit: write name:limit, for example default:4`);
    if (queues.has(name)) throw new UsageError(`--queue ${text} names ${name} a second time: give each queue once`);
    queues.set(name, Number(limit));
  }
  return Object.fromEntries(queues);
}

function number(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) throw new UsageError(`--${option} ${text} is not a number`);
  return value;
}

/** Calls `onFirst` at the first signal, and ends the process at the second. */
function endAtSecondSignal(onFirst: (signal: NodeJS.Signals) => void): void {
  let signals = 0;
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.on(name, () => {
      signals += 1;
      if (signals === 1) return onFirst(name);
      say(`${name}: ending at once; other hosts will run the interrupted jobs again`);
      process.removeAllListeners(name);
      process.exit(1);
    });
  }
}

function say(line: string): void {
  process.stdout.write(`pg-baton: ${line}\n`);
}

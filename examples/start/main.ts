/** `npm start`: Baton's main job, end to end. The caller, a host in another process, PostgreSQL, and real work on real files. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { resolve } from "node:path";
import { Baton } from "../../lib/index.js";
import compress from "../../workers/compress.js";
import { showAsides } from "./asides.js";
import { compressAll } from "./compression.js";
import { type DemoDatabase, demoDatabase } from "./database.js";
import { filesIn } from "./files.js";
import { heading, line } from "./screen.js";
import { PaymentError } from "./workers.js";

const HERE = fileURLToPath(new URL("../../../", import.meta.url));

const cleanups: (() => Promise<unknown>)[] = [];

async function main(): Promise<void> {
  const folder = resolve(process.argv[2] ?? HERE);
  const files = await filesIn(folder);
  const database = await demoDatabase();
  cleanups.unshift(() => database.remove());
  heading("Baton");
  line(`${database.name}; a host in another process; the caller, which runs jobs too`);

  const threads = Math.max(1, availableParallelism() - 1);
  await startHost(database, threads);
  const baton = new Baton({
    connection: database.url,
    prefix: database.prefix,
    name: "demo caller",
    queues: { default: 1 },
    threads: 1,
    workers: [compress],
    errors: [PaymentError],
  });
  cleanups.unshift(() => baton.stop());
  await baton.start();

  heading(`${files.length} files of ${folder}, each compressed by brotli and hashed by scrypt in a thread`);
  await compressAll(baton, files, threads + 3);
  await showAsides(baton);
  line("");
}

async function startHost({ url, prefix }: DemoDatabase, threads: number): Promise<void> {
  const env = { ...process.env, DEMO_URL: url, DEMO_PREFIX: prefix, DEMO_THREADS: String(threads) };
  const host: ChildProcess = fork(new URL("./host.js", import.meta.url), { env });
  const exited = once(host, "exit");
  cleanups.unshift(async () => {
    if (host.connected) host.disconnect();
    await exited;
  });
  const failed = exited.then(([code]) => {
    throw new Error(`The host process ended with status ${String(code)}.`);
  });
  failed.catch(() => {});
  await Promise.race([once(host, "message"), failed]);
}

/** Last opened, first closed; each once, also when a signal comes while the end is near. */
async function cleanUp(): Promise<void> {
  for (let next = cleanups.shift(); next !== undefined; next = cleanups.shift()) await next();
}

for (const [signal, status] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.once(signal, () => {
    void cleanUp().finally(() => process.exit(status));
  });
}

try {
  await main();
} catch (error) {
  process.stderr.write(`\nnpm start: ${(error as Error).message}\n`);
  process.exitCode = 1;
} finally {
  await cleanUp();
}

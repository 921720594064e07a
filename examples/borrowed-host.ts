import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

/** A database that some other process runs jobs of. */
export interface BorrowedHost extends AsyncDisposable {
  readonly url: string;
}

/** That of DATABASE_URL, where a host is yours to start; else examples/host.js is started with a database for this run. */
export async function borrowHost(): Promise<BorrowedHost> {
  const { DATABASE_URL } = process.env;
  if (DATABASE_URL) return { url: DATABASE_URL, [Symbol.asyncDispose]: async () => undefined };
  const host = spawn(process.execPath, [fileURLToPath(new URL("./host.js", import.meta.url))], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  const exited = once(host, "exit");
  for await (const line of createInterface({ input: host.stdout as Readable })) {
    const [, url] = /^up: DATABASE_URL=(.*)$/.exec(line) ?? [];
    if (url === undefined) continue;
    host.stdout?.resume();
    const stop = async (): Promise<void> => {
      host.disconnect();
      await exited;
    };
    return { url, [Symbol.asyncDispose]: stop };
  }
  throw new Error("The host did not come up");
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

/** A database, with a host in another process. */
export interface BorrowedHost extends AsyncDisposable {
  readonly url: string;
}

/**
 * The database of DATABASE_URL, for which you start a host yourself. Without it, starts
 * examples/host.js with a database for this run.
 */
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

import { fork } from "node:child_process";
import { once } from "node:events";

export interface Child {
  stop(): Promise<void>;
}

/** Starts a module of the bench as another process; resolves when it says that it is up. It ends when told, or with us. */
export async function startChild(module: string, args: readonly string[]): Promise<Child> {
  const child = fork(new URL(`../${module}`, import.meta.url), args);
  const exited = once(child, "exit");
  await Promise.race([
    once(child, "message"),
    exited.then(() => {
      throw new Error(`${module} ended before it was up`);
    }),
  ]);
  return {
    async stop() {
      child.disconnect();
      await exited;
    },
  };
}

/** The other side: says that it is up, and calls back when it shall end. */
export function serveAsChild(stop: () => Promise<void>): void {
  process.once("disconnect", () => void stop().finally(() => process.exit()));
  process.send?.("up");
}

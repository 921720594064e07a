import type { Reply } from "./child.js";

type Commands = Readonly<Record<string, (value: never) => unknown>>;

/** Returns the argument that this child process was started with. */
export function argument(): unknown {
  return JSON.parse(process.argv[2] ?? "{}");
}

/** The child's side of `Child`: replies to requests, and closes when the parent disconnects. */
export function serve(commands: Commands, close: () => Promise<void>): void {
  process.on("message", ({ command, value }: { command: string; value: never }) => {
    void answer(async () => commands[command]?.(value)).then((reply) => process.send?.(reply));
  });
  process.once("disconnect", () => void close());
  process.send?.({ value: null } satisfies Reply);
}

async function answer(work: () => Promise<unknown>): Promise<Reply> {
  try {
    return { value: (await work()) ?? null };
  } catch (error) {
    return { error: (error as Error).stack ?? String(error) };
  }
}

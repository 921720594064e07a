import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Inbox } from "./inbox.js";

export interface SpawnNodeOptions {
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Flags of `node`. */
  readonly flags?: readonly string[];
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /**
   * Starts a process group, so that `process.kill(-pid)` reaches the
   * process and its children, as Ctrl-C does.
   */
  readonly detached?: boolean;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const running = new Set<NodeProcess>();

/** Starts a Node.js process. The root hooks fail the test run if it is left behind. */
export function spawnNode(
  script: URL | string,
  args: readonly string[] = [],
  options: SpawnNodeOptions = {},
): NodeProcess {
  const { env, flags = [], ...rest } = options;
  const path = script instanceof URL ? fileURLToPath(script) : script;
  const child = spawn(process.execPath, [...flags, "--enable-source-maps", path, ...args], {
    ...rest,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  return new NodeProcess(child, path);
}

/** A child process. Pending reads of its lines and messages reject with its stderr when it ends. */
export class NodeProcess implements AsyncDisposable {
  /** Resolves once it has ended in any way, and all its output has been read. */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #lines = new Inbox<string>();
  readonly #messages = new Inbox<unknown>();
  #stderr = "";

  constructor(child: ChildProcess, name: string) {
    this.#child = child;
    running.add(this);
    if (child.stdout) createInterface({ input: child.stdout }).on("line", (line) => this.#lines.push(line));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    child.on("message", (message) => this.#messages.push(message));
    this.exited = new Promise((resolve) => {
      const end = (exit: Exit): void => {
        running.delete(this);
        const how = `${name} ended with ${exit.signal ?? `code ${exit.code}`}`;
        const why = new Error(this.#stderr ? `${how} and wrote:\n${this.#stderr}` : how);
        this.#lines.close(why);
        this.#messages.close(why);
        resolve(exit);
      };
      child.once("close", (code, signal) => end({ code, signal }));
      child.once("error", (error) => {
        this.#stderr += error.message;
        if (child.pid === undefined) end({ code: null, signal: null });
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Its stderr so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Takes the next wanted line of its stdout. Other lines stay. */
  nextLine(wanted: (line: string) => boolean = () => true): Promise<string> {
    return this.#lines.take(wanted);
  }

  /** Takes the next wanted message that it sends with `process.send`. Others stay. */
  receive<T>(wanted: (message: T) => boolean = () => true): Promise<T> {
    return this.#messages.take((message) => wanted(message as T)) as Promise<T>;
  }

  send(message: object): void {
    this.#child.send(message);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }
}

/** Kills the processes that are left behind, and names them. For the root hooks. */
export async function endStrayProcesses(): Promise<readonly string[]> {
  const strays = [...running];
  await Promise.all(strays.map((stray) => stray[Symbol.asyncDispose]()));
  return strays.map(({ pid, stderr }) => `process ${pid}${stderr && `, which wrote:\n${stderr}`}`);
}

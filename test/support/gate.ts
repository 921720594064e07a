import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./until.js";

// A run that outlives its test may still write to its log. So all gates share
// one folder, which is removed when the test process exits, after the last host.
const folder = mkdtempSync(join(tmpdir(), "baton-gates-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

/** A line of a gate's log: `start`, `stop` or `abort`, with the job's label and attempt. */
export interface GateEvent {
  readonly word: string;
  readonly label: string;
  readonly attempt: number;
}

/**
 * Blocks jobs of the workers in `workers/gated.ts`, in any thread and process, until
 * the test opens it, and logs what they do. It is a file, which all of them can reach.
 */
export class Gate implements Disposable {
  /** Belongs in the args of the job. */
  readonly path = join(folder, randomUUID());

  constructor() {
    writeFileSync(this.path, "closed");
    writeFileSync(`${this.path}.log`, "");
  }

  get events(): readonly GateEvent[] {
    const lines = readFileSync(`${this.path}.log`, "utf8").split("\n").filter(Boolean);
    return lines.map((line) => {
      const [word = "", label = "", attempt] = line.split(" ");
      return { word, label, attempt: Number(attempt) };
    });
  }

  /** The runs that have begun, in their order. */
  get starts(): readonly GateEvent[] {
    return this.events.filter(({ word }) => word === "start");
  }

  /** Resolves once so many runs have begun. */
  async started(count = 1): Promise<void> {
    await until(() => this.starts.length >= count, `${count} runs to begin`, 20_000);
  }

  open(): void {
    rmSync(this.path, { force: true });
  }

  /** The most runs at a time. */
  get most(): number {
    let running = 0;
    let most = 0;
    for (const { word } of this.events) {
      running += word === "start" ? 1 : -1;
      most = Math.max(most, running);
    }
    return most;
  }

  [Symbol.dispose](): void {
    this.open();
    rmSync(`${this.path}.log`, { force: true });
  }
}

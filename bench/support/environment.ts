import { availableParallelism, cpus, loadavg } from "node:os";
import { VERSION } from "../../lib/version.js";
import type { ServerFacts } from "./server.js";

/** What the figures were measured on. */
export interface Environment {
  readonly baton: string;
  readonly node: string;
  readonly platform: string;
  readonly cores: number;
  readonly cpu: string;
  /** null where no question needed a database. */
  readonly postgres: ServerFacts | null;
  /** The machine's load average over the last minute, at the start and at the end. */
  readonly load: { readonly before: number; readonly after: number };
}

export function environment(postgres: ServerFacts | undefined, loadBefore: number): Environment {
  return {
    baton: VERSION,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? "unknown",
    postgres: postgres ?? null,
    load: { before: loadBefore, after: load() },
  };
}

export function load(): number {
  return loadavg()[0] ?? 0;
}

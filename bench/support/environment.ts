import { availableParallelism, cpus, loadavg } from "node:os";
import { VERSION } from "../../lib/version.js";
import type { ServerFacts } from "./server.js";

/** The machine and the versions that figures were measured with. */
export interface Environment {
  readonly baton: string;
  readonly node: string;
  readonly platform: string;
  readonly cores: number;
  readonly cpu: string;
  /** null if no question needed a database. */
  readonly postgres: ServerFacts | null;
  /** Versions of other servers and packages, by name. */
  readonly others?: Readonly<Record<string, string>>;
  /** The machine's load average over one minute, before and after the run. */
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

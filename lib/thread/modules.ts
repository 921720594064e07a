import { UnknownWorkerError } from "../errors.js";
import { type AnyWorker, isWorker } from "../worker.js";

type Workers = ReadonlyMap<string, AnyWorker>;

/** The workers that a thread has imported so far, by module and name. */
export class Modules {
  readonly #modules = new Map<string, Workers>();

  /**
   * Finds a worker, importing its module the first time. Throws {@link UnknownWorkerError} where the module does not
   * import (the cause says why; it is tried again the next time) or has no worker of that name.
   */
  async find(url: string, name: string): Promise<AnyWorker> {
    const workers = this.#modules.get(url) ?? (await this.#import(url, name));
    const worker = workers.get(name);
    if (worker !== undefined) return worker;
    const others = [...workers.keys()].map((other) => JSON.stringify(other)).join(", ");
    throw new UnknownWorkerError(name, `is not exported by ${url}, which exports ${others || "no worker"}`);
  }

  async #import(url: string, name: string): Promise<Workers> {
    try {
      const workers = collect((await import(url)) as object);
      this.#modules.set(url, workers);
      return workers;
    } catch (cause) {
      throw new UnknownWorkerError(name, `cannot run: its module ${url} does not import`, { cause });
    }
  }
}

/** A module's workers: the default export first, then the named ones, then those in a default object (`module.exports = { Double }`). */
function collect(module: object): Workers {
  const { default: main, ...named } = module as { readonly default?: unknown };
  const inMain = typeof main === "object" && main !== null ? Object.values(main) : [];
  const workers = new Map<string, AnyWorker>();
  for (const value of [main, ...Object.values(named), ...inMain]) {
    if (isWorker(value) && !workers.has(value.name)) workers.set(value.name, value);
  }
  return workers;
}

import { summarize } from "../codec/failure.js";
import { UnknownWorkerError } from "../errors.js";
import { type AnyWorker, isWorker } from "../worker.js";

type Workers = ReadonlyMap<string, AnyWorker>;

/** The workers that this thread has imported, by module and name. */
export class Modules {
  readonly #modules = new Map<string, Workers>();
  readonly #onFailure: () => void;

  /**
   * @param onFailure called when a module fails to import. It stays failed in this thread,
   * even if its file is corrected.
   */
  constructor(onFailure: () => void) {
    this.#onFailure = onFailure;
  }

  /**
   * Finds a worker. Imports its module the first time.
   *
   * @throws {@link UnknownWorkerError} if the module fails to import, with the reason in
   * message and `cause`, or exports no worker of that name
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
      this.#onFailure();
      const problem = `cannot run: its module ${url} failed to import: ${reasonOf(cause)}`;
      throw new UnknownWorkerError(name, problem, { cause });
    }
  }
}

/** Why a module failed to import, in one line. The row keeps only the message of the error. */
function reasonOf(cause: unknown): string {
  return summarize(cause).split("\n", 1)[0] as string;
}

/**
 * A module's workers by name. The default export comes first, then the named ones, then those in a
 * default object (`module.exports = { Double }`). The first worker of a name wins.
 */
function collect(module: object): Workers {
  const { default: main, ...named } = module as { readonly default?: unknown };
  const inMain = typeof main === "object" && main !== null ? Object.values(main) : [];
  const workers = new Map<string, AnyWorker>();
  for (const value of [main, ...Object.values(named), ...inMain]) {
    if (isWorker(value) && !workers.has(value.name)) workers.set(value.name, value);
  }
  return workers;
}

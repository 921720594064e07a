import { setTimeout as sleep } from "node:timers/promises";
import type { Telemetry } from "../telemetry.js";
import type { AnswerSource, QueueAndWorker, UnservedReason } from "./answer-source.js";
import type { Relay } from "./relay.js";

/** How long in ms a timeout waits for its reason. */
const PATIENCE = 1_000;
/** How long in ms later timeouts reuse a reply. */
const FRESH = 1_000;
/**
 * Most pairs of queue and worker that are looked up within {@link FRESH}. Timeouts of
 * further pairs have no reason.
 */
const PAIRS = 1_000;

type Reasons = ReadonlyMap<string, UnservedReason>;

/** A query that is about to be sent. `pairs` grows until then. */
interface Query {
  readonly pairs: QueueAndWorker[];
  readonly reasons: Promise<Reasons>;
}

const NONE: Reasons = new Map();

/**
 * Looks up why awaits time out: whether any live host can run the job. Timeouts of the same
 * moment share one query, and each pair of queue and worker is looked up at most once a second.
 */
export class TimeoutReasons {
  readonly #source: AnswerSource;
  readonly #telemetry: Telemetry;
  /** By pair: the reply of the query that included it. Never larger than {@link PAIRS}. */
  readonly #recent = new Map<string, Promise<Reasons>>();
  #next: Query | undefined;

  constructor(source: AnswerSource, telemetry: Telemetry) {
    this.#source = source;
    this.#telemetry = telemetry;
  }

  /**
   * The reasons of those relays that have one. Never rejects, and resolves within {@link PATIENCE}.
   */
  async lookUp(relays: readonly Relay[]): Promise<ReadonlyMap<Relay, UnservedReason>> {
    const found = new Map<Relay, UnservedReason>();
    const replies = relays.map((relay) => this.#lookUpPair(relay.job));
    for (const [index, relay] of relays.entries()) {
      const reason = (await replies[index])?.get(keyOf(relay.job));
      if (reason !== undefined) found.set(relay, reason);
    }
    return found;
  }

  #lookUpPair({ queue, worker }: QueueAndWorker): Promise<Reasons> | undefined {
    const key = keyOf({ queue, worker });
    const recent = this.#recent.get(key);
    if (recent !== undefined || this.#recent.size >= PAIRS) return recent;
    this.#next ??= this.#gather();
    this.#next.pairs.push({ queue, worker });
    this.#recent.set(key, this.#next.reasons);
    return this.#next.reasons;
  }

  #gather(): Query {
    const pairs: QueueAndWorker[] = [];
    // Deferred to a microtask, so that all timeouts of one moment share the query.
    const reasons = Promise.resolve().then(() => {
      this.#next = undefined;
      return this.#query(pairs);
    });
    return { pairs, reasons };
  }

  async #query(pairs: readonly QueueAndWorker[]): Promise<Reasons> {
    setTimeout(() => {
      for (const pair of pairs) this.#recent.delete(keyOf(pair));
    }, FRESH).unref();
    const done = new AbortController();
    const timeout = sleep(PATIENCE, NONE, { signal: done.signal }).catch(() => NONE);
    const reasons = await Promise.race([this.#unserved(pairs), timeout]);
    done.abort();
    return reasons;
  }

  async #unserved(pairs: readonly QueueAndWorker[]): Promise<Reasons> {
    try {
      return await this.#source.unserved(pairs);
    } catch (error) {
      this.#telemetry.emit("service:error", { service: "reconciler", error });
      return NONE;
    }
  }
}

function keyOf({ queue, worker }: QueueAndWorker): string {
  return `${queue}\n${worker}`;
}

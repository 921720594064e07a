import { setTimeout as sleep } from "node:timers/promises";
import type { AnswerSource, QueueAndWorker, Unserved } from "./answer-source.js";
import type { Telemetry } from "../telemetry.js";
import type { Relay } from "./relay.js";

/** ms that a timeout waits for its reason. */
const PATIENCE = 1_000;
/** ms for which a reason, or that there is none, holds for later timeouts. */
const FRESH = 1_000;
/** Pairs of queue and worker that are asked about within {@link FRESH} at most. Timeouts of others have no reason. */
const PAIRS = 1_000;

type Answers = ReadonlyMap<string, Unserved>;

/** A query that is about to leave. */
interface Query {
  readonly pairs: QueueAndWorker[];
  readonly answers: Promise<Answers>;
}

const NONE: Answers = new Map();

/**
 * Why jobs are not run: whether any host could. One query answers for all timeouts of the same moment, and no pair of queue
 * and worker is asked about twice a second.
 */
export class Reasons {
  readonly #source: AnswerSource;
  readonly #telemetry: Telemetry;
  /** By pair: what was, or will be, said of it and those asked about with it. */
  readonly #known = new Map<string, Promise<Answers>>();
  /** What the next query asks about, and its answers. */
  #next: Query | undefined;

  constructor(source: AnswerSource, telemetry: Telemetry) {
    this.#source = source;
    this.#telemetry = telemetry;
  }

  /** The reasons of those that have one. Never rejects, and resolves within {@link PATIENCE}. */
  async of(relays: readonly Relay[]): Promise<ReadonlyMap<Relay, Unserved>> {
    const reasons = new Map<Relay, Unserved>();
    const asked = relays.map((relay) => this.#ask(relay.job));
    for (const [index, relay] of relays.entries()) {
      const reason = (await asked[index])?.get(keyOf(relay.job));
      if (reason !== undefined) reasons.set(relay, reason);
    }
    return reasons;
  }

  #ask({ queue, worker }: QueueAndWorker): Promise<Answers> | undefined {
    if (this.#source.unserved === undefined) return undefined;
    const key = keyOf({ queue, worker });
    const known = this.#known.get(key);
    if (known !== undefined || this.#known.size >= PAIRS) return known;
    this.#next ??= this.#gather();
    this.#next.pairs.push({ queue, worker });
    this.#known.set(key, this.#next.answers);
    return this.#next.answers;
  }

  #gather(): Query {
    const pairs: QueueAndWorker[] = [];
    // By way of a microtask, so that all that time out together share a query.
    const answers = Promise.resolve().then(() => {
      this.#next = undefined;
      return this.#query(pairs);
    });
    return { pairs, answers };
  }

  async #query(pairs: readonly QueueAndWorker[]): Promise<Answers> {
    setTimeout(() => {
      for (const pair of pairs) this.#known.delete(keyOf(pair));
    }, FRESH).unref();
    const done = new AbortController();
    const enough = sleep(PATIENCE, NONE, { signal: done.signal }).catch(() => NONE);
    const answers = await Promise.race([this.#unserved(pairs), enough]);
    done.abort();
    return answers;
  }

  async #unserved(pairs: readonly QueueAndWorker[]): Promise<Answers> {
    try {
      return (await this.#source.unserved?.(pairs)) ?? NONE;
    } catch (error) {
      this.#telemetry.emit("service:error", { service: "reconciler", error });
      return NONE;
    }
  }
}

function keyOf({ queue, worker }: QueueAndWorker): string {
  return `${queue}\n${worker}`;
}

import { type Channel, type ChannelListener, channel } from "node:diagnostics_channel";
import { types } from "node:util";

/**
 * What Baton tells of itself, over `node:diagnostics_channel`: each event on a channel `pg-baton:<event>`, its payload the
 * type given here plus `instance`, the name of the instance. What cannot be thrown to anybody is reported here. A subscriber
 * that throws harms nothing: it becomes a warning of the process.
 *
 * ```ts
 * diagnostics_channel.subscribe("pg-baton:job:stop", (event) => histogram.record(event.duration));
 * ```
 */
export interface TelemetryEvents {
  /** An attempt was handed to a thread. */
  "job:start": { readonly id: number; readonly worker: string; readonly queue: string; readonly attempt: number };
  /** An attempt came to its outcome. `duration` is ms in the thread, waiting not counted. */
  "job:stop": {
    readonly id: number;
    readonly worker: string;
    readonly queue: string;
    readonly attempt: number;
    readonly outcome: string;
    readonly duration: number;
    /** -1 where the thread died. */
    readonly threadId: number;
  };
  /**
   * Something thrown outside of its job: a stray timer or promise of an earlier job on the same thread. Also a thread that
   * ended, perhaps by such work: its jobs run again.
   */
  "job:stray": { readonly id: number | null; readonly worker: string | null; readonly error: unknown };
  /** A write about a job was refused by the fence: another host has it, or it is over. Nothing was delivered. */
  "claim:lost": { readonly id: number; readonly claim: number };
  /** This host held a job by the table alone, as after a claim whose reply was lost. It was given back, its attempt not counted. */
  "claim:stray": { readonly id: number; readonly claim: number };
  /** Jobs of a lost host were put back to work, `discarded` of them had no attempt left. */
  rescue: { readonly host: string; readonly jobs: number; readonly discarded: number };
  /** This host was declared lost by others: it forgot the jobs it held, ended those it ran, and is there again. */
  "host:lost": { readonly host: string };
  /** A job took down the process in which it ran alone for the second time, and is discarded. */
  quarantine: { readonly id: number };
  /** Jobs wait that no live host can run. Looked for every 10 s, and reported once until they are served. */
  "queue:unserved": {
    readonly queue: string;
    readonly worker: string;
    readonly reason: "no host serves this queue" | "no host has this worker";
  };
  /** Finished rows were removed, each once the retention that is stored with it was over. */
  prune: { readonly jobs: number };
  /** Scheduled and retryable jobs became available. */
  stage: { readonly jobs: number };
  /** The LISTEN connection was lost (`connected: false`) or is back. */
  "notifier:connection": { readonly connected: boolean; readonly error: unknown };
  /** How results reach this process: over NOTIFY, or by polling where LISTEN does not work. */
  "notifier:mode": { readonly mode: "notify" | "polling"; readonly reason: string };
  /** Open refs were looked up in the table, `found` of them had an answer that no notification had brought. */
  reconcile: { readonly open: number; readonly found: number; readonly reason: string };
  /** A batch of statements failed for a passing reason and will be tried again after `delay` ms. */
  "batch:retry": { readonly batch: string; readonly size: number; readonly delay: number; readonly error: unknown };
  /** A notification that is no envelope of ours, or of a version or kind that this release does not know. */
  "envelope:unknown": { readonly reason: string; readonly bytes: number };
  /** An envelope for a ref that nobody here awaits (any more). */
  "envelope:unawaited": { readonly ref: string };
  /** An envelope that brought nothing new: sent twice or replayed, or overtaken by a look at the table. */
  "envelope:repeated": { readonly ref: string };
  /** A relay that nobody awaited was given up to bound memory; its row still answers. */
  "slot:evicted": { readonly ref: string };
  /** A service's periodic work failed; it will be tried again. */
  "service:error": { readonly service: string; readonly error: unknown };
}

export type TelemetryEvent = keyof TelemetryEvents;

const PREFIX = "pg-baton:";

/** All of them, so that each channel is guarded before anybody subscribes to it. */
const EVENTS: Readonly<Record<TelemetryEvent, true>> = {
  "job:start": true,
  "job:stop": true,
  "job:stray": true,
  "claim:lost": true,
  "claim:stray": true,
  rescue: true,
  "host:lost": true,
  quarantine: true,
  "queue:unserved": true,
  prune: true,
  stage: true,
  "notifier:connection": true,
  "notifier:mode": true,
  reconcile: true,
  "batch:retry": true,
  "envelope:unknown": true,
  "envelope:unawaited": true,
  "envelope:repeated": true,
  "slot:evicted": true,
  "service:error": true,
};

const GUARDED = Symbol.for("pg-baton.guarded");

/** Held here, since Node forgets a channel that nobody holds, and with it its guard. */
const CHANNELS = new Map(
  (Object.keys(EVENTS) as TelemetryEvent[]).map((event) => [event, guarded(channel(PREFIX + event))]),
);

/** One instance's voice on the channels, and a count of each event since its start. */
export class Telemetry {
  readonly #instance: string;
  readonly #counts = new Map<TelemetryEvent, number>();

  constructor(instance: string) {
    this.#instance = instance;
  }

  emit<Event extends TelemetryEvent>(event: Event, payload: TelemetryEvents[Event]): void {
    this.#counts.set(event, (this.#counts.get(event) ?? 0) + 1);
    const target = CHANNELS.get(event) as Channel;
    if (target.hasSubscribers) target.publish({ instance: this.#instance, ...payload });
  }

  /** How often each event happened: what `baton.status()` shows. Events that never did are absent. */
  counts(): Partial<Record<TelemetryEvent, number>> {
    return Object.fromEntries(this.#counts);
  }
}

/**
 * Node ends the process when a subscriber throws. Those of our channels are wrapped as they subscribe: what one throws
 * becomes a warning of the process, the first time, and harms nobody. (One that subscribed before this module was loaded is
 * Node's.)
 */
function guarded(target: Channel): Channel {
  // Channels belong to the process: another copy of this module, as each test file has it under
  // Jest, has guarded them already.
  // An earlier release left no mark, only the methods, which cannot be defined anew.
  if (GUARDED in target || Object.hasOwn(target, "subscribe")) return target;
  const wrapped = new WeakMap<ChannelListener, ChannelListener>();
  const wrappers = new WeakSet<ChannelListener>();
  // The prototype of a channel changes with its first subscriber, so it is looked up each time.
  const own = (): Channel => Object.getPrototypeOf(target) as Channel;
  return Object.defineProperties(target, {
    [GUARDED]: { value: true, configurable: true },
    // Configurable, since an earlier release that is loaded later defines both again.
    subscribe: {
      configurable: true,
      value: (listener: ChannelListener): void => {
        // The first subscription comes by here twice.
        if (wrappers.has(listener) || typeof listener !== "function") return own().subscribe.call(target, listener);
        const wrapper = wrapped.get(listener) ?? wrap(listener);
        wrapped.set(listener, wrapper);
        wrappers.add(wrapper);
        own().subscribe.call(target, wrapper);
      },
    },
    unsubscribe: {
      configurable: true,
      value: (listener: ChannelListener): boolean =>
        own().unsubscribe.call(target, wrapped.get(listener) ?? listener) as unknown as boolean,
    },
  });
}

function wrap(listener: ChannelListener): ChannelListener {
  let warned = false;
  return (event, name) => {
    const warn = (error: unknown): void => {
      const text = `A subscriber of ${String(name)} threw: ${String((error as Error)?.stack ?? error)}`;
      if (!warned) process.emitWarning(text, "BatonWarning");
      warned = true;
    };
    try {
      const returned: unknown = listener(event, name);
      if (types.isPromise(returned)) returned.catch(warn);
    } catch (error) {
      warn(error);
    }
  };
}

import { type Channel, type ChannelListener, channel } from "node:diagnostics_channel";
import { types } from "node:util";

/**
 * The telemetry events and their payloads.
 *
 * Baton publishes each event on the `node:diagnostics_channel` named `pg-baton:<event>`. The
 * payload has the type given here, plus `instance`, the `name` option of the host. Errors that no
 * call can throw are published here. A subscriber that throws causes only a process warning.
 *
 * @example
 * ```ts
 * import diagnostics_channel from "node:diagnostics_channel";
 *
 * diagnostics_channel.subscribe("pg-baton:job:stop", (event) => histogram.record(event.duration));
 * ```
 */
export interface TelemetryEvents {
  /** A host sent an attempt to a thread. */
  "job:start": {
    /** The id of the job. */
    readonly id: number;
    /** The name of the job's worker. */
    readonly worker: string;
    /** The queue's name. */
    readonly queue: string;
    /** The number of the attempt, from 1. */
    readonly attempt: number;
  };
  /** An attempt ended. */
  "job:stop": {
    /** The id of the job. */
    readonly id: number;
    /** The name of the job's worker. */
    readonly worker: string;
    /** The queue's name. */
    readonly queue: string;
    /** The number of the attempt, from 1. */
    readonly attempt: number;
    /** The kind of its outcome, for example `completed` or `failed`. */
    readonly outcome: string;
    /** Time in the thread in ms, without waiting for a thread. */
    readonly duration: number;
    /** The id of the thread; -1 if the thread died or the job never reached one. */
    readonly threadId: number;
  };
  /**
   * An error was thrown outside of the job under way, for example by a timer that an earlier job
   * left behind. Also emitted when a thread ends, perhaps for that reason, and its jobs run again.
   */
  "job:stray": {
    /** The id of the job that caused it, or null if unknown. */
    readonly id: number | null;
    /** The name of that job's worker, or null if unknown. */
    readonly worker: string | null;
    /** What was thrown. */
    readonly error: unknown;
  };
  /**
   * The fence refused a write about a job: another host has the job, or it has ended. This host
   * drops its answer, which only `delivery: "early"` may have delivered.
   */
  "claim:lost": {
    /** The id of the job. */
    readonly id: number;
    /** The value of `claim` on the row that this host had claimed. */
    readonly claim: number;
  };
  /**
   * The table listed a job as held by this host that the host did not know, for example after a
   * lost reply to a claim. The host released the job, which costs it no attempt.
   */
  "claim:stray": {
    /** The id of the job. */
    readonly id: number;
    /** The value of `claim` on the row that this host had claimed. */
    readonly claim: number;
  };
  /** A host was lost and this host rescued its jobs. */
  rescue: {
    /** The id of the lost host. */
    readonly host: string;
    /** How many jobs were rescued. */
    readonly jobs: number;
    /** How many of these had no attempt left and were discarded. */
    readonly discarded: number;
  };
  /**
   * Other hosts declared this one lost. It kills its running jobs, forgets those that
   * wait, and registers again.
   */
  "host:lost": {
    /** The id of this host. */
    readonly host: string;
  };
  /** A job was discarded: it has twice taken down the process in which it ran alone. */
  quarantine: {
    /** The id of the job. */
    readonly id: number;
  };
  /**
   * Jobs wait that no live host can run. Hosts check every 10 s and report each queue and worker
   * once, until they are served.
   */
  "queue:unserved": {
    /** The queue's name. */
    readonly queue: string;
    /** The name of the worker whose jobs wait. */
    readonly worker: string;
    /** What is missing. */
    readonly reason: "no host serves this queue" | "no host has this worker";
  };
  /** Finished jobs were deleted after their retention. */
  prune: {
    /** How many rows were deleted. */
    readonly jobs: number;
  };
  /** Scheduled and retryable jobs that were due became available. */
  stage: {
    /** How many. */
    readonly jobs: number;
  };
  /** The listening connection was lost or restored. */
  "notifier:connection": {
    /** Whether it is connected. */
    readonly connected: boolean;
    /** Why it was lost; null if it was restored. */
    readonly error: unknown;
  };
  /** Baton found out whether notifications arrive, or this changed. */
  "notifier:mode": {
    /** `"polling"` if notifications do not arrive. */
    readonly mode: "notify" | "polling";
    /** Why, as a sentence. */
    readonly reason: string;
  };
  /** A lookup of awaited relays found answers in the table, or followed a gap in listening. */
  reconcile: {
    /** How many were looked up. */
    readonly open: number;
    /** How many had an answer that no notification had brought. */
    readonly found: number;
    /** Why they were looked up. */
    readonly reason: string;
  };
  /** A batch failed for a transient reason and will be retried. */
  "batch:retry": {
    /** The name of the batch, for example `insert`. */
    readonly batch: string;
    /** How many items it has. */
    readonly size: number;
    /** Pause before the retry in ms. */
    readonly delay: number;
    /** Why it failed. */
    readonly error: unknown;
  };
  /**
   * A notification is not an envelope, or has a version or kind that this release does not know.
   */
  "envelope:unknown": {
    /** What is wrong with it. */
    readonly reason: string;
    /** Its length in bytes. */
    readonly bytes: number;
  };
  /** An envelope arrived for a ref that has no slot in this process, or no longer has one. */
  "envelope:unawaited": {
    /** The relay's ref. */
    readonly ref: string;
  };
  /** An envelope brought nothing new: it was sent twice, or a read of the table was faster. */
  "envelope:repeated": {
    /** The relay's ref. */
    readonly ref: string;
  };
  /**
   * The slot of a relay that was never awaited was dropped to bound memory. The
   * relay can still be awaited.
   */
  "slot:evicted": {
    /** The relay's ref. */
    readonly ref: string;
  };
  /** Background work failed. Periodic work is retried. */
  "service:error": {
    /** The name of the service. */
    readonly service: string;
    /** Why it failed. */
    readonly error: unknown;
  };
}

/** The name of a telemetry event. */
export type TelemetryEvent = keyof TelemetryEvents;

const PREFIX = "pg-baton:";

/** Every event, so that each channel is guarded before the first subscription. */
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

/** Node forgets a channel, and with it its guard, unless something holds a reference. */
const CHANNELS = new Map(
  (Object.keys(EVENTS) as TelemetryEvent[]).map((event) => [event, guarded(channel(PREFIX + event))]),
);

/** Publishes the events of one host, and counts them since its start. */
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

  /** How often each event occurred. Events that never occurred are absent. */
  counts(): Partial<Record<TelemetryEvent, number>> {
    return Object.fromEntries(this.#counts);
  }
}

/**
 * Wraps each listener as it subscribes: its first exception becomes a process warning. Node itself
 * would end the process. (Listeners that subscribed before this module was loaded are not wrapped.)
 */
function guarded(target: Channel): Channel {
  // Channels belong to the process: another copy of this module (under Jest each test file has one)
  // or another release of the package may have guarded this one already.
  if (Object.hasOwn(target, "subscribe")) return target;
  const wrapped = new WeakMap<ChannelListener, ChannelListener>();
  const wrappers = new WeakSet<ChannelListener>();
  // Looked up on each call: the first subscriber changes the prototype of a channel.
  const own = (): Channel => Object.getPrototypeOf(target) as Channel;
  return Object.defineProperties(target, {
    subscribe: {
      // Configurable, because older releases guard a channel again, and fail
      // to load if they cannot.
      configurable: true,
      value: (listener: ChannelListener): void => {
        // The first subscription of a channel calls this twice.
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

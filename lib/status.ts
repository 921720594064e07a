import type { NotifierMode } from "./notifier.js";
import type { RunnerStatus } from "./runner/status.js";
import type { TelemetryEvent } from "./telemetry.js";

/** The state of a host, as `status()` returns it. */
export interface BatonStatus {
  /** The `name` option. */
  readonly name: string;
  /** The host's id, new at each start. Null unless the host is started or stopping. */
  readonly host: string | null;
  /** The stage of the host's life cycle. */
  readonly state: "idle" | "starting" | "started" | "stopping" | "stopped";
  /** How results arrive: by NOTIFY, or by polling because LISTEN does not work. */
  readonly notifier: NotifierMode;
  /** The queues that this host runs, with the jobs it holds of each. Empty without queues. */
  readonly queues: RunnerStatus["queues"];
  /** The threads that run jobs. A job that runs in a process of its own keeps one busy. */
  readonly threads: RunnerStatus["threads"];
  /**
   * Jobs in any queue that no live host can run, by queue and worker. Hosts with
   * queues check every 10 s.
   */
  readonly unserved: RunnerStatus["unserved"];
  /** The number of outcomes that wait to be written. Above a limit, the host claims no jobs. */
  readonly unwritten: number;
  /** The relays of this process. */
  readonly relays: {
    /** How many are being awaited. */
    readonly awaited: number;
    /** How many have a slot in the mailbox, awaited or not. */
    readonly held: number;
  };
  /**
   * How often each telemetry event occurred since the start. Events that never occurred are absent.
   */
  readonly events: Partial<Record<TelemetryEvent, number>>;
}

/** The state of a runner. */
export interface RunnerStatus {
  /** The queues that this host runs, with the jobs it holds of each. */
  readonly queues: readonly {
    /** The queue's name. */
    readonly queue: string;
    /** How many threads run its jobs, or are reserved for them. */
    readonly running: number;
    /** How many of its jobs are claimed and wait for a thread. */
    readonly waiting: number;
  }[];
  /** The threads that run jobs. A job that runs in a process of its own keeps one busy. */
  readonly threads: {
    /** How many there are. */
    readonly size: number;
    /** How many of them are busy. */
    readonly busy: number;
    /** How many of the busy ones are ending and have not ended yet, for example in native code. */
    readonly ending: number;
  };
  /** Jobs in any queue that no live host can run, by queue and worker. Checked every 10 s. */
  readonly unserved: readonly {
    /** The queue's name. */
    readonly queue: string;
    /** The name of the worker. */
    readonly worker: string;
    /** What is missing. */
    readonly reason: "no host serves this queue" | "no host has this worker";
  }[];
  /**
   * The number of outcomes that wait to be written. Above a limit, no job is claimed or started.
   */
  readonly unwritten: number;
}

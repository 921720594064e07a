import { BatonError, named } from "./base.js";

/**
 * The module of a job's worker cannot be imported, or does not export that
 * worker. The attempt fails.
 *
 * A job whose worker no host has does not fail: it waits.
 */
export class UnknownWorkerError extends BatonError {
  /** The worker's name. */
  readonly worker: string;

  constructor(worker: string, problem: string, options?: ErrorOptions) {
    super("ERR_BATON_UNKNOWN_WORKER", `Worker ${JSON.stringify(worker)} ${problem}`, options);
    this.worker = worker;
  }

  static {
    named(this);
  }
}

/**
 * A job's thread ended while the job ran: `process.exit`, out of memory or a native crash. Or the
 * process of a job that ran alone ended. The attempt fails; the host goes on.
 */
export class ThreadCrashError extends BatonError {
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_BATON_THREAD_CRASH", message, options);
  }

  static {
    named(this);
  }
}

/** The host that ran a job died, froze or was cut off, and the job had no attempt left. */
export class HostLostError extends BatonError {
  constructor(message: string) {
    super("ERR_BATON_HOST_LOST", message);
  }

  static {
    named(this);
  }
}

/** Stopping hosts interrupted a job at least five times in a row, and it had no attempt left. */
export class InterruptedError extends BatonError {
  constructor(message: string) {
    super("ERR_BATON_INTERRUPTED", message);
  }

  static {
    named(this);
  }
}

/**
 * A job was discarded because two processes died while each ran only this
 * job and its host lived on.
 *
 * A job runs alone in a process only after hosts have died with it. The loss of a host
 * by itself never quarantines a job.
 */
export class QuarantinedError extends BatonError {
  constructor(message: string) {
    super("ERR_BATON_QUARANTINED", message);
  }

  static {
    named(this);
  }
}

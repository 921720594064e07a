import { BatonError, named } from "./base.js";

/** A method was called before `start()` had resolved. */
export class NotStartedError extends BatonError {
  constructor(call: string) {
    super("ERR_BATON_NOT_STARTED", `Cannot ${call}: this host has not started. Await baton.start() first.`);
  }

  static {
    named(this);
  }
}

/**
 * The host stopped: a method was called after `stop()`, or an await was open at that time.
 *
 * An awaited job is not affected. Any other host on the same database can await its relay.
 */
export class StoppedError extends BatonError {
  constructor(call: string) {
    super(
      "ERR_BATON_STOPPED",
      `Cannot ${call}: this host has been stopped. Its relays can be awaited on another host.`,
    );
  }

  static {
    named(this);
  }
}

/**
 * `start()` was called inside one of Baton's threads, which import the modules of workers.
 *
 * Guard the call with `isMainThread`, or move the worker to a module of its own.
 */
export class InsideThreadError extends BatonError {
  constructor() {
    super(
      "ERR_BATON_IN_THREAD",
      "Cannot start a host inside one of Baton's threads. The thread imported the module that calls start() " +
        'to find a worker in it. Start in the main thread only: import { isMainThread } from "node:worker_threads"; ' +
        "if (isMainThread) { await baton.start(); } or move the worker to a module of its own.",
    );
  }

  static {
    named(this);
  }
}

/**
 * A host with queues, or an embedded PostgreSQL, was started from a bundle
 * that contains `pg-baton`.
 *
 * Keep `pg-baton` out of the bundle (`external`). A process that only inserts
 * and awaits may bundle it.
 */
export class BundledError extends BatonError {
  constructor(bundle: string | undefined, file: string) {
    super(
      "ERR_BATON_BUNDLED",
      `Cannot start a thread or process from ${file}: pg-baton was bundled into ${bundle ?? "a CommonJS file"}, ` +
        "without that file. Keep pg-baton out of the bundle and install it next to the bundle; with esbuild, " +
        'external: ["pg-baton"]. A process that only inserts and awaits jobs may bundle it.',
    );
  }

  static {
    named(this);
  }
}

export type { ErrorClass } from "./codec/error-classes.js";
export { type AwaitResults, Baton, type InsertedJob, type RelaysOf } from "./baton.js";
export {
  AwaitTimeoutError,
  BatonError,
  BundledError,
  DatabaseError,
  type DatabaseErrorCode,
  DecodeError,
  EncodeError,
  HostLostError,
  InsideThreadError,
  InterruptedError,
  InvalidJobError,
  InvalidOptionError,
  InvalidRelayError,
  JobCancelledError,
  JobDiscardedError,
  JobNotFoundError,
  type JobProblem,
  JobSnoozedError,
  NotStartedError,
  QuarantinedError,
  ResultTooLargeError,
  StoppedError,
  ThreadCrashError,
  UnknownWorkerError,
} from "./errors.js";
export type { JobErrorEntry, JobRow, JobState } from "./job/job.js";
export type { NotifierMode } from "./notifier.js";
export type { BatonOptions, QueueOption } from "./options.js";
export type { Connection } from "./postgres/address.js";
export type { QueueCount } from "./engine/counts.js";
export type { JobFilter } from "./engine/filter.js";
export type { AwaitOptions } from "./relay/awaiter.js";
export type { Via } from "./relay/mailbox.js";
export type { Relay } from "./relay/relay.js";
export type { AwaitedJob, AwaitError, AwaitResult } from "./relay/result.js";
export type { BatonStatus } from "./status.js";
export type { TelemetryEvent, TelemetryEvents } from "./telemetry.js";
export {
  type AnyWorker,
  type Arrived,
  type Cancel,
  type Control,
  cancel,
  type Discard,
  defineWorker,
  discard,
  isWorker,
  type Job,
  type JobOptions,
  type Json,
  type JsonObject,
  type NewJob,
  type NewJobOptions,
  type PerformContext,
  type ResultOf,
  type Snooze,
  snooze,
  type Worker,
  type WorkerDefinition,
  type WorkerRef,
  workerRef,
} from "./worker.js";

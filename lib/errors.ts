/** Every error that Baton creates, by topic. */
export {
  HostLostError,
  InterruptedError,
  QuarantinedError,
  ThreadCrashError,
  UnknownWorkerError,
} from "./errors/attempt.js";
export { BatonError } from "./errors/base.js";
export { DatabaseError, type DatabaseErrorCode } from "./errors/database.js";
export { DecodeError, EncodeError } from "./errors/encoding.js";
export { InvalidJobError, InvalidOptionError, InvalidRelayError, type JobProblem } from "./errors/input.js";
export { BundledError, InsideThreadError, NotStartedError, StoppedError } from "./errors/lifecycle.js";
export {
  AwaitTimeoutError,
  JobCancelledError,
  JobDiscardedError,
  JobNotFoundError,
  JobSnoozedError,
  ResultTooLargeError,
} from "./errors/outcome.js";

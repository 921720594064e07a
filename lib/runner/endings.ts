import { packException } from "../codec/codec.js";
import type { Ending } from "../engine/ending.js";
import { type BatonError, HostLostError, InterruptedError } from "../errors.js";
import { ANSWER_KINDS, answerWith } from "../job/answer.js";
import { COUNTED_FROM } from "../job/interruptions.js";

/** The endings of jobs that have no attempt left when a statement takes them from their host. */

/** The ending of a job whose host was lost while the job ran. */
export function hostLostEnding(host: string): Ending {
  const text = `Host ${host} was lost while it ran this job`;
  return endingOf(new HostLostError(`${text}, and no attempt is left`), text);
}

/** The ending of a job that stopping hosts have interrupted too often. */
export function interruptedEnding(): Ending {
  const text = `Stopping hosts have interrupted this job ${COUNTED_FROM} times in a row or more`;
  const advice = "and no attempt is left: raise shutdownGracePeriod, or split the job";
  return endingOf(new InterruptedError(`${text}, ${advice}`), text);
}

/** `text` is for the row's history of errors, which shows by itself that no attempt is left. */
function endingOf(error: BatonError, text: string): Ending {
  // The stack would be Baton's own, which says nothing about the job.
  error.stack = `${error.name}: ${error.message}`;
  return {
    answer: answerWith(ANSWER_KINDS.exhausted, packException(error)),
    error: `${error.name}: ${text}`,
  };
}

import type { ClaimedJob } from "../../job/job.js";
import type { Run as ThreadRun } from "../../thread/perform.js";

/** One execution of a job, as its host sees it: what the thread sent back, and the job. */
export interface Run extends ThreadRun {
  readonly job: ClaimedJob;
}

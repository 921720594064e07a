/**
 * Which job took its host down. A host that dies tells nothing about which of its jobs was to blame, or whether any was: machines
 * are taken away, and neighbours use up the memory. So no host's death ever condemns a job. It raises suspicion:
 *
 * - 0: no host has died with the job.
 * - 1: one has. The job runs in a thread, by itself, and its begin is written before it starts, so that the next death is not
 *   missed by a job that kills within milliseconds.
 * - 2: two have, and at least once the job had begun. It runs alone, in a process of its own. If that process dies while its
 *   host lives on, the job is the cause.
 *
 * A job that comes through alone is suspected no more.
 */
export type Suspicion = 0 | 1 | 2;

/** The suspicion with which a job runs in a process of its own. */
export const RUNS_ALONE: Suspicion = 2;

/**
 * So many processes must die while they run the job alone before it is quarantined: discarded, with an error that says why. One
 * may be the kernel's choice: where memory runs out, it ends this process first.
 */
export const QUARANTINED_AT = 2;

/**
 * Whether a job is suspected of having taken down its host.
 *
 * The death of a host does not prove which job caused it, or whether any did: machines are taken
 * away, and neighbours use up the memory. So it never condemns a job. It only raises suspicion:
 *
 * - 0: no host has died with the job.
 * - 1: one host has. The job runs by itself in a thread, and the row counts its attempt before it
 *   starts, so that a job which kills within milliseconds is noticed the next time.
 * - 2: two hosts have, at least one of them after the job had begun. The job runs alone, in a
 *   process of its own. If that process dies while its host lives on, the job is the cause.
 *
 * A job that survives a run alone is no longer suspected.
 */
export type Suspicion = 0 | 1 | 2;

/** The suspicion from which on a job runs in a process of its own. */
export const RUNS_ALONE: Suspicion = 2;

/**
 * Processes that must die while they run the job alone before it is quarantined, that is, discarded
 * with an error that says why. One death may be the kernel's choice, which ends this process first
 * when memory runs out.
 */
export const QUARANTINED_AT = 2;

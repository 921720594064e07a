/**
 * What becomes of jobs with which host processes die. Which of a dead host's jobs was to blame cannot be told, so each has
 * it counted. One that was there too often runs in a process of its own, where the blame is certain and its host lives on:
 * its neighbours, who were there as often, come through.
 */

/** From so many deaths on a job runs in a process of its own. */
export const ISOLATED_FROM = 2;

/** At so many it is quarantined: discarded, with an error that says why. */
export const QUARANTINED_AT = 3;

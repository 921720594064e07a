/**
 * Jobs that stops interrupt. Such a job goes back to its queue without losing an attempt, so that a deployment costs nobody
 * one. A job that never ends within the grace period would run for ever this way, so that the row counts the stops in a row.
 */

/** From so many stops in a row on, each costs an attempt. An attempt that ends sets the count back to 0. */
export const COUNTED_FROM = 5;

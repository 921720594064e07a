/**
 * From this many stops in a row on, each stop that interrupts a job costs it an attempt. An attempt
 * that ends resets the count.
 *
 * A stop returns the jobs that it interrupts to the queue without costing them an attempt, so that
 * deployments are free. The row counts these stops, because a job that never ends within the grace
 * period would otherwise run forever.
 */
export const COUNTED_FROM = 5;

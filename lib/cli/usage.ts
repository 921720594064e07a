/** The command line was used wrongly. The message says how to use it. Exit status 2. */
export class UsageError extends Error {}

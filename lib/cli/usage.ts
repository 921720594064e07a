/** A call of the command line that makes no sense. Its message says what would. */
export class UsageError extends Error {}

import { InvalidOptionError, type JobProblem } from "./errors.js";

/** Where options were given, for error messages. */
interface Place {
  /** The path of the object that holds the options, for example `queues.default.`. */
  readonly path?: string;
  /** The call that takes the options, for example `await`. */
  readonly of?: string;
}

/**
 * Throws an {@link InvalidOptionError} for the first key of `options` that is not among `known`. A
 * misspelt option would otherwise be ignored.
 */
export function checkKeys(options: object, known: readonly string[], { path = "", of }: Place = {}): void {
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    throw new InvalidOptionError(`${path}${key}`, `${of === undefined ? "" : `of ${of} `}${unknownKey(known)}`);
  }
}

/** Lists all keys of a job's `options` that are not among `known`, each as a problem of the job. */
export function keyProblems(options: object, known: readonly string[]): JobProblem[] {
  const unknown = Object.keys(options).filter((key) => !known.includes(key));
  return unknown.map((field) => ({ field, problem: unknownKey(known) }));
}

function unknownKey(known: readonly string[]): string {
  return `is unknown. Use one of: ${known.join(", ")}`;
}

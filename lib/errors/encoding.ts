import { BatonError, named } from "./base.js";

/**
 * A value that `perform` returned or threw contains a part that cannot be sent, such as a function.
 */
export class EncodeError extends BatonError {
  /** The path of the part that cannot be encoded, for example `$.rows[3].callback`. */
  readonly path: string;

  constructor(path: string, problem: string) {
    super("ERR_BATON_ENCODE", `Cannot encode ${path}: ${problem}`);
    this.path = path;
  }

  static {
    named(this);
  }
}

/**
 * A result's bytes are malformed or exceed a limit. Decoding arbitrary bytes
 * yields a value or this error.
 */
export class DecodeError extends BatonError {
  constructor(problem: string) {
    super("ERR_BATON_DECODE", `Cannot decode the result: ${problem}`);
  }

  static {
    named(this);
  }
}

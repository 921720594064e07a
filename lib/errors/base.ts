const BRAND = Symbol.for("pg-baton.error");

/**
 * The base class of every error that Baton creates. It is never thrown itself.
 *
 * Match on the class or on the stable {@link BatonError.code | code}. `instanceof` also
 * recognises errors from another copy of the package in the same process: it compares a
 * brand and class names, not identity.
 *
 * @example
 * ```ts
 * try {
 *   await baton.call(resize.new({ path }));
 * } catch (error) {
 *   if (error instanceof BatonError) console.error(error.code, error.message);
 *   else throw error; // the job's own error
 * }
 * ```
 */
export class BatonError extends Error {
  /** Identifies the error. Stable across releases, for example `ERR_BATON_INVALID_JOB`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Returns name, message, code and the error's own properties for `JSON.stringify`; no stack. */
  toJSON(): object {
    return Object.assign({ name: this.name, message: this.message }, this);
  }

  /** Whether a value is an error of this class, from this or another copy of the package. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    if (typeof value !== "object" || value === null || !(BRAND in value)) return false;
    // A branded error of another copy has other classes, but the same names along its prototypes.
    for (let proto: unknown = Object.getPrototypeOf(value); proto !== null; proto = Object.getPrototypeOf(proto)) {
      if ((proto as Error).constructor.name === this.name) return true;
    }
    return false;
  }

  static {
    Object.defineProperty(this.prototype, BRAND, { value: true });
    named(this);
  }
}

/** Sets `name` on a class's prototype, so that every instance has it, however it was created. */
export function named(errorClass: { readonly prototype: Error; readonly name: string }): void {
  Object.defineProperty(errorClass.prototype, "name", { value: errorClass.name, configurable: true, writable: true });
}

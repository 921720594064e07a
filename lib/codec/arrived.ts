/**
 * The type of a result when it reaches its awaiter.
 *
 * An instance of a class arrives as a plain object, without its methods and accessors. (The type
 * keeps accessors, since no type can tell them from properties.) Built-in classes and errors arrive
 * whole. A type that loses nothing stays the same type.
 */
export type Arrived<Value> = unknown extends Value ? Value : [Part<Value>] extends [Value] ? Value : Part<Value>;

type Part<Value> = unknown extends Value
  ? Value
  : Value extends AnyFunction
    ? never
    : Value extends Whole
      ? Value
      : Value extends readonly unknown[]
        ? { [Index in keyof Value]: Part<Value[Index]> }
        : Value extends object
          ? { [Key in keyof Value as Value[Key] extends AnyFunction ? never : Key]: Part<Value[Key]> }
          : Value;

type AnyFunction = ((...args: never[]) => unknown) | (abstract new (...args: never[]) => unknown);

/** Types that arrive together with their methods. */
type Whole =
  | string
  | number
  | boolean
  | bigint
  | Date
  | RegExp
  | URL
  | Error
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | ArrayBuffer
  | ArrayBufferView;

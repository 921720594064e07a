/**
 * The type that a value has where it arrives. An instance of a class arrives as a plain object: its
 * methods stay behind, and so do its accessors, which no type can tell from properties. Built-in
 * classes and errors arrive whole. A type that loses nothing stays the type that it is.
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

/** What has methods and arrives with them. */
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

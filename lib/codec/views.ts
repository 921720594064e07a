import { types } from "node:util";

type ViewConstructor = new (buffer: ArrayBuffer, offset: number, length: number) => ArrayBufferView;

/** One kind of view. */
export interface ViewKind {
  /** Bytes of an element. */
  readonly size: number;
  readonly make: (buffer: ArrayBuffer, offset: number, length: number) => ArrayBufferView;
}

// A kind's position in this list is its number on the wire: only ever append.
const NAMES = [
  "Buffer",
  "DataView",
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  "Float16Array",
];

/** The kinds by number; undefined where this Node.js lacks one (Float16Array before 24). */
export const VIEW_KINDS: readonly (ViewKind | undefined)[] = NAMES.map((name) => {
  if (name === "Buffer") return { size: 1, make: (buffer, offset, length) => Buffer.from(buffer, offset, length) };
  const View = (globalThis as Record<string, unknown>)[name] as
    | (ViewConstructor & { BYTES_PER_ELEMENT?: number })
    | undefined;
  if (View === undefined) return undefined;
  return { size: View.BYTES_PER_ELEMENT ?? 1, make: (buffer, offset, length) => new View(buffer, offset, length) };
});

const KINDS = new Map(NAMES.map((name, kind) => [name, kind]));

/** The number of a view's kind. A subclass counts as the typed array that it extends. */
export function viewKind(view: ArrayBufferView): number | undefined {
  if (Buffer.isBuffer(view)) return 0;
  if (types.isDataView(view)) return 1;
  return KINDS.get((view as Uint8Array)[Symbol.toStringTag]);
}

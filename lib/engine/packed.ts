/** The bytes of many answers as one parameter. */
export interface Packed {
  readonly all: Buffer;
  /** Where each begins, counted from 1 as in SQL. */
  readonly starts: number[];
  readonly sizes: number[];
}

const NOTHING = new Uint8Array(0);

/**
 * Packs bytes together. If only one item has any they are not copied: they may be many megabytes.
 */
export function pack(many: readonly (Uint8Array | null)[]): Packed {
  const bytes = many.map((piece) => piece ?? NOTHING);
  let next = 1;
  const starts = bytes.map(({ length }) => {
    next += length;
    return next - length;
  });
  const [only, another] = bytes.filter(({ length }) => length > 0);
  const alone = only !== undefined && another === undefined;
  return {
    starts,
    sizes: bytes.map(({ length }) => length),
    all: alone ? Buffer.from(only.buffer, only.byteOffset, only.length) : Buffer.concat(bytes),
  };
}

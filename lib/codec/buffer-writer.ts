import { types } from "node:util";
import type { Budget } from "./budget.js";
import { WEIGHT } from "./limits.js";
import type { Numbering } from "./numbering.js";
import type { Output } from "./output.js";
import { Refusal } from "./refusal.js";
import { type Span, Spans } from "./spans.js";
import { TAG } from "./tag.js";
import { viewKind } from "./views.js";

const SHARED = "a SharedArrayBuffer cannot leave its process";
const NOTHING = new Uint8Array(0);

/** Writes a value's ArrayBuffers and views: of a view only the bytes that it shows. */
export class BufferWriter {
  readonly #output: Output;
  readonly #numbering: Numbering;
  readonly #budget: Budget;
  /** Undefined until the value shows a part of a buffer, which few values do. */
  #spans: Spans | undefined;

  constructor(output: Output, numbering: Numbering, budget: Budget) {
    this.#output = output;
    this.#numbering = numbering;
    this.#budget = budget;
  }

  /** Whether views may overlap. If so, the value must be written a second time. */
  get needsSecondPass(): boolean {
    return this.#spans?.overlapping ?? false;
  }

  /** Begins the second pass, in which overlapping views share a buffer. */
  startSecondPass(): void {
    this.#spans?.merge();
  }

  /** Forgets the value. */
  stop(): void {
    this.#spans = undefined;
  }

  /** Writes a buffer, which must have its number already. */
  buffer(value: ArrayBufferLike): void {
    if (types.isSharedArrayBuffer(value)) throw new Refusal(SHARED);
    let bytes: Uint8Array;
    try {
      bytes = new Uint8Array(value);
    } catch {
      throw new Refusal("its ArrayBuffer is detached: it was transferred elsewhere");
    }
    const overlaps = this.#spans?.has(value) && !this.#spans.add(value, 0, bytes.length);
    this.#bytes(overlaps ? NOTHING : bytes);
  }

  /** Writes a view, which must have its number already, and its buffer or a reference to that. */
  view(value: ArrayBufferView): void {
    const kind = viewKind(value);
    if (kind === undefined) throw new Refusal("an unknown kind of typed array");
    const whole = value.buffer;
    if (types.isSharedArrayBuffer(whole)) throw new Refusal(SHARED);
    const { byteOffset: start, byteLength } = value;
    const known = this.#numbering.of(whole);
    const span = known === undefined ? this.#spans?.find(whole, start, start + byteLength) : undefined;
    const alone = known === undefined && span === undefined && byteLength < whole.byteLength;
    this.#budget.charge(WEIGHT.view);
    this.#output.byte(TAG.VIEW);
    this.#output.byte(kind);
    this.#output.varint(alone ? 0 : start - (span?.base ?? 0));
    this.#output.varint("length" in value ? (value as Uint8Array).length : byteLength);
    if (known !== undefined) this.#output.ref(known);
    else if (span !== undefined) this.#span(whole, span);
    else if (alone) this.#slice(whole, start, byteLength);
    else {
      this.#numbering.add(whole);
      this.buffer(whole);
    }
  }

  #slice(whole: ArrayBufferLike, start: number, length: number): void {
    this.#numbering.skip();
    this.#spans ??= new Spans();
    // An empty view overlaps nothing.
    const overlaps = length > 0 && !this.#spans.add(whole, start, start + length);
    this.#bytes(overlaps ? NOTHING : new Uint8Array(whole, start, length));
  }

  #span(whole: ArrayBufferLike, span: Span): void {
    if (span.number !== undefined) return this.#output.ref(span.number);
    const { base, start, end } = span;
    span.number = this.#numbering.skip();
    if (end - base === whole.byteLength) this.#numbering.alias(whole, span.number);
    if (start === base) return this.#bytes(new Uint8Array(whole, start, end - start));
    // No view shows the bytes between `base` and `start`: they stay zero.
    const padded = new Uint8Array(end - base);
    padded.set(new Uint8Array(whole, start, end - start), start - base);
    this.#bytes(padded);
  }

  #bytes(bytes: Uint8Array): void {
    this.#budget.charge(WEIGHT.buffer);
    this.#output.byte(TAG.BUFFER);
    this.#output.raw(bytes);
  }
}

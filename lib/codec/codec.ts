import { EncodeError } from "../errors.js";

/** Stand-in until the codec's own branch is merged: JSON. */
export function pack(
  value: unknown,
  { resultLimit }: { resultLimit: number },
): { encoding: "b" | "z"; bytes: Buffer } | { tooLarge: true; size: number } {
  let text: string | undefined;
  try {
    text = JSON.stringify(value, (key, item: unknown) => {
      if (typeof item === "function" || typeof item === "symbol") throw new EncodeError(`$.${key}`, typeof item);
      return item;
    });
  } catch (error) {
    throw error instanceof EncodeError ? error : new EncodeError("$", String(error));
  }
  const bytes = Buffer.from(text ?? "");
  return bytes.length > resultLimit ? { tooLarge: true, size: bytes.length } : { encoding: "b", bytes };
}

/** Stand-in until the codec's own branch is merged: JSON. */
export function packException(
  thrown: unknown,
  { resultLimit }: { resultLimit: number },
): { encoding: "b" | "z"; bytes: Buffer } {
  return { encoding: "b", bytes: Buffer.from(JSON.stringify({ error: describe(thrown, 0) }).slice(0, resultLimit)) };
}

export function unpack(_encoding: string, bytes: Uint8Array, _options?: { errors?: unknown[] }): unknown {
  const value: unknown = JSON.parse(Buffer.from(bytes).toString() || "null");
  return typeof value === "object" && value !== null && "error" in value ? revive(value.error) : value;
}

function describe(thrown: unknown, depth: number): unknown {
  try {
    if (!(thrown instanceof Error) || depth > 3) return { text: String(thrown) };
    const { name, message, stack, cause } = thrown;
    return {
      name,
      message,
      stack,
      own: Object.assign({}, thrown),
      cause: cause === undefined ? null : describe(cause, depth + 1),
    };
  } catch {
    return { text: "unreadable" };
  }
}

function revive(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if ("text" in value) return value.text;
  const { own, cause, ...rest } = value as { own: object; cause: unknown };
  const error = Object.assign(new Error(), own, rest);
  if (cause !== null) error.cause = revive(cause);
  return error;
}

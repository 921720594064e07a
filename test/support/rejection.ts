/** Resolves to the error with which a promise rejects, and rejects if it resolves. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { readonly code?: unknown }> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error(`It was to reject, but resolved to ${JSON.stringify(value)}`);
}

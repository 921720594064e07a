/** What a promise rejects with. Rejects itself if it does not. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { readonly code?: unknown }> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error(`It was to reject, but resolved to ${JSON.stringify(value)}`);
}

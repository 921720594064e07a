/** An error class of the application. `errors: [QuotaError]` lets it come back as itself. */
export class QuotaError extends Error {
  readonly code = "ERR_QUOTA";
  readonly account: string;
  readonly bytes: number;

  constructor(account: string, bytes: number, options?: ErrorOptions) {
    super(`${account} has no room for ${bytes} bytes`, options);
    this.name = "QuotaError";
    this.account = account;
    this.bytes = bytes;
  }
}

// #region class
/** Comes back from `await` as itself where `errors: [TextTooLongError]` registers it. */
export class TextTooLongError extends Error {
  readonly code = "ERR_TEXT_TOO_LONG";
  readonly most: number;

  constructor(length: number, most: number) {
    super(`The text has ${length} characters, over the limit of ${most}`);
    this.name = "TextTooLongError";
    this.most = most;
  }
}
// #endregion

/** Prints a count or measurement of a test, beside the reporter's lines. */
export function print(line: string): void {
  process.stderr.write(`      ${line}\n`);
}

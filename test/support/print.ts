/** Says what a test has counted or measured, beside the reporter's own lines. */
export function print(line: string): void {
  process.stderr.write(`      ${line}\n`);
}

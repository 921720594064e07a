/** What the demo shows: a bar that moves in a terminal, plain lines elsewhere. */
const WIDTH = 32;
const out = process.stdout;

export function heading(text: string): void {
  out.write(`\n${out.isTTY ? `\u001B[1m${text}\u001B[0m` : text}\n`);
}

export function line(text: string): void {
  out.write(`  ${text}\n`);
}

/** Rows of a label and a value, the labels aligned. */
export function table(rows: readonly (readonly [label: string, value: string])[]): void {
  const width = Math.max(...rows.map(([label]) => label.length));
  for (const [label, value] of rows) line(`${label.padEnd(width)}  ${value}`);
}

/** Progress of so many steps. Call with the number done; the last step ends it. */
export function progress(total: number): (done: number, label: string) => void {
  let told = 0;
  return (done, label) => {
    if (out.isTTY) {
      const filled = Math.round((done / total) * WIDTH);
      const bar = "█".repeat(filled) + "░".repeat(WIDTH - filled);
      out.write(`\r  ${bar}  ${done}/${total}  ${label.slice(-36).padEnd(36)}`);
      if (done === total) out.write(`\r  ${"█".repeat(WIDTH)}  ${done}/${total}${" ".repeat(40)}\n`);
    } else if (done === total || done - told >= total / 5) {
      told = done;
      line(`${done} of ${total} files`);
    }
  };
}

export function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1_024).toLocaleString("en")} kB`;
}

export function milliseconds(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms).toLocaleString("en")} ms`;
}

import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

const WIDTH = 32;
/** ms between two frames of the bar. */
const FRAME = 80;
/** ms between two plain lines, without a terminal. */
const REPORT = 2_000;

/** The demo's output: lines, and below them the progress, as a bar if it is a terminal. */
export class Screen {
  readonly #out: NodeJS.WriteStream;
  readonly #colors: boolean;
  #drawn = false;
  #next = 0;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
    this.#colors = out.isTTY && out.hasColors() && !process.env.NO_COLOR;
  }

  line(text = ""): void {
    this.clear();
    this.#out.write(text === "" ? "\n" : `  ${text}\n`);
  }

  /** Writes a label and its text. */
  fact(name: string, text: string): void {
    this.line(`${this.paint("gray", name.padEnd(10))} ${text}`);
  }

  heading(text: string): void {
    this.line();
    this.line(this.paint("bold", text));
    this.line();
  }

  paint(style: Style, text: string): string {
    return this.#colors ? styleText(style, text) : text;
  }

  /** Shows the progress, at most once a frame. */
  progress(done: number, total: number, text: string): void {
    const now = performance.now();
    if (now < this.#next && done < total) return;
    if (!this.#out.isTTY) {
      const percent = Math.floor((100 * done) / total);
      this.line(`${String(percent).padStart(3)} %  ${text}`);
      this.#next = now + REPORT;
      return;
    }
    const full = Math.round((WIDTH * done) / total);
    const bar = this.paint("cyan", "█".repeat(full)) + this.paint("gray", "░".repeat(WIDTH - full));
    this.#out.write(`\r\x1b[2K  ${bar}  ${text}`);
    this.#drawn = true;
    this.#next = now + FRAME;
  }

  /** Ends the progress: its work is done. */
  finish(): void {
    if (!this.#out.isTTY && this.#next > 0) this.line();
    this.clear();
    this.#next = 0;
  }

  /** Erases the bar. */
  clear(): void {
    if (this.#drawn) this.#out.write("\r\x1b[2K");
    this.#drawn = false;
  }
}

/** Why the demo ends before its time, in one line for people, with the exit code that goes with it. */
export class Ending extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = "Ending";
    this.exitCode = exitCode;
  }
}

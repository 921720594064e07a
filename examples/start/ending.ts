/** Why the demo ends early: one line for the user, and the exit code. */
export class Ending extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = "Ending";
    this.exitCode = exitCode;
  }
}

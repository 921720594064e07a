/**
 * `npm start [-- PATH]`: Baton's main job on real input. Every file of a folder becomes a job. This
 * process and another one run the jobs, and this one awaits the results. Begin reading at demo.ts.
 */
import { BatonError } from "../../lib/index.js"; // in your project: "pg-baton"
import { play } from "./demo.js";
import { Ending } from "./ending.js";
import { DEFAULT_FOLDER } from "./files.js";
import { Screen } from "./screen.js";
import { Stage } from "./stage.js";

/** Most ms that the demo may take. */
const TOO_LONG = 57_000;
const USAGE = "npm start [-- PATH]    compresses every file of a folder with Baton; DATABASE_URL names a database";

const ending = new AbortController();
const end = (why: Ending): void => ending.abort(why);

for (const [signal, exitCode] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  process.on(signal, () => {
    // A second signal skips the clean-up. The other host and the embedded server end by themselves.
    if (ending.signal.aborted) process.exit(exitCode);
    end(new Ending(`Ended by ${signal}.`, exitCode));
  });
}
// npm sends a SIGTERM to the shell between npm and this process, and the shell does not pass it on.
const { ppid } = process;
if (process.env.npm_lifecycle_event !== undefined) {
  setInterval(() => process.ppid === ppid || end(new Ending("Ended with npm.", 143)), 250).unref();
}
// The reader of the output has closed it, as with `npm start | head`.
process.stdout.on("error", () => end(new Ending("The output was closed.", 141)));
setTimeout(() => end(new Ending("This took too long. Try a smaller folder: npm start -- PATH")), TOO_LONG).unref();

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const [folder = DEFAULT_FOLDER, ...rest] = args;
  if (folder === "--help" || folder === "-h") {
    console.log(USAGE);
    return 0;
  }
  const screen = new Screen(process.stdout);
  const stage = new Stage(ending);
  try {
    if (rest.length > 0 || folder.startsWith("-")) throw new Ending(`Usage: ${USAGE}`, 2);
    await play(folder, stage, screen);
    return 0;
  } catch (error) {
    screen.clear();
    return explain(ending.signal.aborted ? ending.signal.reason : error);
  } finally {
    await stage[Symbol.asyncDispose]();
  }
}

/** Prints one line for an expected error, and the whole error otherwise. Returns the exit code. */
function explain(error: unknown): number {
  if (error instanceof Ending || error instanceof BatonError) {
    process.stderr.write(`${error.message}\n`);
    return error instanceof Ending ? error.exitCode : 1;
  }
  console.error(error);
  return 1;
}

import { ArgumentsError } from "./arguments.js";
import { environment, load } from "./environment.js";
import { MachineSpeed } from "./machine-speed.js";
import { type Measured, measure } from "./measure.js";
import type { Question } from "./question.js";
import type { Report } from "./report.js";
import { Server, ServerError } from "./server.js";
import { Workbench } from "./workbench.js";

/** Measures one question after the other, on a server of its own that it removes at the end. */
export async function run(
  bench: Report["bench"],
  questions: readonly Question[],
  { rounds, profile }: { readonly rounds: number; readonly profile?: string | undefined },
): Promise<Report> {
  const server = new Server();
  // Child processes end with this one, databases on a server of DATABASE_URL do not.
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => void server.close().finally(() => process.exit(130)));
  }
  const workbench = new Workbench(server, profile);
  const speed = new MachineSpeed();
  const before = load();
  const measured: Measured[] = [];
  try {
    await speed.settle();
    for (const question of questions) {
      process.stderr.write(`${question.scope}: ${question.title} …\n`);
      measured.push(await measure(question, rounds, workbench, speed));
      await workbench.clear();
    }
  } finally {
    await workbench.clear();
    await server.close();
  }
  const date = new Date().toISOString().slice(0, 10);
  return { bench, date, environment: environment(server.facts, before), rounds, measured, notes: [] };
}

/** Runs a command of the bench, and exits with 1 if it fails. */
export async function command(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const expected = error instanceof ArgumentsError || error instanceof ServerError;
    process.stderr.write(`${name}: ${expected ? error.message : (error as Error).stack}\n`);
    // A failed round may have left something open that would keep the process alive.
    process.exit(1);
  }
}

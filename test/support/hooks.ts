import type { Context, RootHookObject } from "mocha";
import { engineAnswers } from "./container.js";
import { stopTestDatabase, testDatabase } from "./database.js";
import { endStrayProcesses } from "./process.js";

/** The hooks of the whole test run, named in .mocharc.json. */
export const mochaHooks: RootHookObject = {
  async beforeAll(this: Context) {
    // Pulling an image can take longer than a test may. Other servers start with the first test.
    if (process.env.DATABASE_URL || !(await engineAnswers())) return;
    this.timeout(300_000);
    await testDatabase();
  },

  async afterAll() {
    const processes = await endStrayProcesses();
    const databases = await stopTestDatabase();
    const left = [...processes, ...databases];
    if (left.length > 0) throw new Error(`The tests left behind:\n${left.join("\n")}`);
  },
};

import type { Context, RootHookObject } from "mocha";
import { engineAnswers } from "./container.js";
import { stopTestDatabase, testDatabase } from "./database.js";
import { endStrayProcesses } from "./process.js";

/** What happens around the whole run; named in .mocharc.json. */
export const mochaHooks: RootHookObject = {
  async beforeAll(this: Context) {
    // Otherwise the server starts with the first test that asks for it, but pulling an image can outlast a test's time.
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

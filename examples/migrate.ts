/**
 * Creates the schema or brings it up to date, as the role that owns it.
 *
 *   DATABASE_URL=postgres://owner@… node dist/examples/migrate.js
 */
import { Baton } from "../lib/index.js";
import { openDatabase } from "./database.js";

await using database = await openDatabase();
const connection = database.url;

// #region migrate
const owner = await new Baton({ connection }).start();
console.log(owner.status().state); // started: the schema is up to date
await owner.stop();
// #endregion

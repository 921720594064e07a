/**
 * Results and errors of any built-in type.
 *
 *   node dist/examples/results.js
 */
import { Baton } from "../lib/index.js";
import { openDatabase } from "./database.js";
import { TextTooLongError } from "./text-too-long-error.js";
import Census from "./workers/census.js";

await using database = await openDatabase();
const connection = database.url;

// #region results
await using baton = await new Baton({
  connection,
  queues: { default: 2 },
  workers: [Census],
  errors: [TextTooLongError],
}).start();

const { words, letters, at } = await baton.call(Census.new({ text: "to be or not to be", most: 100 }));
console.log(words.get("be"), letters[0], at instanceof Date); // 2 18 true

try {
  await baton.call(Census.new({ text: "to be or not to be", most: 10 }));
} catch (error) {
  if (error instanceof TextTooLongError) console.log(error.code, error.most); // ERR_TEXT_TOO_LONG 10
}
// #endregion

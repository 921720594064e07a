/**
 * Reports that it is up, then exits with the given status; with `stay`, exits with 7 at SIGTERM.
 */
import { UP } from "../../lib/cli/supervisor.js";

const [status] = process.argv.slice(2);
if (status === "stay") {
  process.on("SIGTERM", () => process.exit(7));
  setInterval(() => {}, 1_000);
}
process.send?.(UP, () => {
  if (status !== "stay") process.exit(Number(status));
});

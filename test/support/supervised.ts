/** Comes up, and ends with the status that it is given; `stay`: with 7, at SIGTERM. */
import { UP } from "../../lib/cli/supervisor.js";

const [status] = process.argv.slice(2);
if (status === "stay") {
  process.on("SIGTERM", () => process.exit(7));
  setInterval(() => {}, 1_000);
}
process.send?.(UP, () => {
  if (status !== "stay") process.exit(Number(status));
});

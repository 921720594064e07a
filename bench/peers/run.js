// Installs the peers' packages if they are missing, compiles their adapters, and measures. The
// output of the first two goes to stderr.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const here = import.meta.dirname;

function step(command, args, cwd) {
  const { status, error } = spawnSync(command, args, {
    cwd,
    stdio: ["inherit", 2, 2],
    shell: process.platform === "win32",
  });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(`${here}/node_modules`)) step("npm", ["ci", "--no-audit", "--no-fund"], here);
step("npx", ["tsc", "-p", here], `${here}/../..`);
await import("../../dist/bench/peers/main.js");

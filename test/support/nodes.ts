import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const exec = promisify(execFile);

/** The supported releases of Node.js, with the versions that tests run on. */
export const NODES: Readonly<Record<string, string>> = {
  20: "20.20.2",
  22: "22.23.3",
  24: "24.21.0",
  26: "26.10.0",
};

/**
 * The path of a Node.js binary of a major version: the running one, or
 * that of the npm package `node`.
 */
export async function nodeBinary(major: string): Promise<string> {
  const version = NODES[major];
  if (version === undefined)
    throw new Error(`Node ${major} is not supported. There are: ${Object.keys(NODES).join(", ")}`);
  if (process.version === `v${version}`) return process.execPath;
  return join(
    await installed(`node@${version}`),
    "node_modules",
    "node",
    "bin",
    process.platform === "win32" ? "node.exe" : "node",
  );
}

/** Installs a package once for all test runs on this machine, and returns its folder. */
export async function installed(spec: string): Promise<string> {
  const folder = join(tmpdir(), `pg-baton-${spec.replaceAll(/[^\w.-]+/g, "-")}`);
  if (existsSync(folder)) return folder;
  const draft = await mkdtemp(`${folder}.`);
  try {
    // The install script puts the binary in place. npm's settings may disable such scripts.
    const flags = ["--prefer-offline", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts=false"];
    await exec("npm", ["install", ...flags, "--prefix", draft, spec], { shell: process.platform === "win32" });
    await rename(draft, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return folder;
}

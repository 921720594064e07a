/** Installs the packed package into fresh folders and uses it as users do. `npm run consumers` */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDatabase, stopTestDatabase } from "../support/database.js";
import { nodeBinary } from "../support/nodes.js";
import { endStrayProcesses, spawnNode } from "../support/process.js";
import { pack, Project } from "./project.js";

/** One way of using the package. Rejects if it does not work. */
type Case = (project: Project, env: { readonly DATABASE_URL: string }) => Promise<void>;

interface Consumer {
  /** The folder in `fixtures`. */
  readonly fixture: string;
  readonly packages: readonly string[];
  readonly cases: Readonly<Record<string, Case>>;
}

const BANNER = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

const CONSUMERS: readonly Consumer[] = [
  {
    fixture: "plain",
    packages: ["esbuild@0.28.2"],
    cases: {
      "ES modules": (project, env) => project.run(process.execPath, ["esm.js"], env),
      CommonJS: (project, env) => project.run(process.execPath, ["commonjs.cjs"], env),
      "TypeScript, Node 22": async (project, env) => project.run(await nodeBinary("22"), ["typed.ts"], env),
      "TypeScript, Node 24": async (project, env) => project.run(await nodeBinary("24"), ["typed.ts"], env),
      "esbuild, a caller as one ES module": async (project, env) => {
        await bundle(project, ["caller.js", "--format=esm", "--outfile=out/caller.mjs", `--banner:js=${BANNER}`]);
        await besideHost(project, env, "out/caller.mjs");
      },
      "esbuild, a caller as one CommonJS file": async (project, env) => {
        await bundle(project, ["caller.js", "--format=cjs", "--outfile=out/caller.cjs"]);
        await besideHost(project, env, "out/caller.cjs");
      },
      "esbuild, a host and its worker as entries": async (project, env) => {
        const split = ["--format=esm", "--splitting", "--external:pg-baton", "--outdir=out/split"];
        await bundle(project, ["esm.js", "double.js", ...split]);
        await project.run(process.execPath, ["out/split/esm.js"], env);
      },
      "esbuild, a host with pg-baton in it, which refuses to start": async (project, env) => {
        await bundle(project, ["swallowed.js", "--format=esm", "--outfile=out/s.mjs", `--banner:js=${BANNER}`]);
        await bundle(project, ["swallowed.js", "--format=cjs", "--outfile=out/s.cjs"]);
        await project.run(process.execPath, ["out/s.mjs"], env);
        await project.run(process.execPath, ["out/s.cjs"], env);
      },
    },
  },
  {
    fixture: "vitest",
    packages: ["vitest@4.1.12"],
    cases: {
      "Vitest, Node 22": async (project, env) =>
        project.run(await nodeBinary("22"), [project.installed("vitest/vitest.mjs"), "run"], env),
      "Vitest, Node 24": async (project, env) =>
        project.run(await nodeBinary("24"), [project.installed("vitest/vitest.mjs"), "run"], env),
    },
  },
  {
    fixture: "jest",
    packages: ["jest@30.5.2", "@jest/globals@30.5.2", "ts-jest@29.4.15", "typescript@5.9.3"],
    cases: {
      // Jest can require an ES module from Node 24.9 on.
      "Jest, Node 22": async (project, env) => jest(project, await nodeBinary("22"), env, ["double", "typed"]),
      "Jest, Node 24": async (project, env) => jest(project, await nodeBinary("24"), env, []),
    },
  },
];

async function bundle(project: Project, args: readonly string[]): Promise<void> {
  const esbuild = project.installed("esbuild/bin/esbuild");
  await project.run(process.execPath, [esbuild, "--bundle", "--platform=node", "--log-level=error", ...args]);
}

/** Runs a script whose jobs another process runs. */
async function besideHost(project: Project, env: { readonly DATABASE_URL: string }, script: string): Promise<void> {
  await using host = spawnNode(join(project.folder, "host.js"), [], { cwd: project.folder, env });
  await host.nextLine((line) => line === "up");
  await project.run(process.execPath, [script], env);
}

async function jest(
  project: Project,
  node: string,
  env: { readonly DATABASE_URL: string },
  files: readonly string[],
): Promise<void> {
  const script = project.installed("jest/bin/jest.js");
  await project.run(node, ["--experimental-vm-modules", script, "--runInBand", ...files], env);
}

async function main(wanted: string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "pg-baton-pack-"));
  let [passed, failed] = [0, 0];
  try {
    const tarball = await pack(folder);
    for (const { fixture, packages, cases } of CONSUMERS) {
      const chosen = Object.entries(cases).filter(([name]) => name.includes(wanted));
      if (chosen.length === 0) continue;
      await using project = await Project.create(fixture, [tarball, ...packages]);
      for (const [name, work] of chosen) {
        const problem = await attempt(project, work);
        if (problem === null) passed += 1;
        else failed += 1;
        process.stdout.write(problem === null ? `ok      ${name}\n` : `FAILED  ${name}\n${problem}\n`);
      }
    }
  } finally {
    await endStrayProcesses();
    await stopTestDatabase();
    await rm(folder, { recursive: true, force: true });
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

/** Runs a case on a database of its own. Resolves to what went wrong, or to null. */
async function attempt(project: Project, work: Case): Promise<string | null> {
  const database = await createDatabase();
  try {
    await work(project, { DATABASE_URL: database.url });
    return null;
  } catch (error) {
    return String(error);
  } finally {
    await database.drop();
  }
}

process.exitCode = await main(process.argv[2] ?? "");

import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const exec = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Packs this package as for publishing, without building it. Resolves to the tarball's path. */
export async function pack(folder: string): Promise<string> {
  const { stdout } = await exec("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], {
    cwd: ROOT,
  });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  return join(folder, filename);
}

/** A fresh folder with the files of a fixture and its dependencies, as users have them. */
export class Project implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Copies a fixture and installs packages. */
  static async create(fixture: string, packages: readonly string[]): Promise<Project> {
    const folder = await mkdtemp(join(tmpdir(), `pg-baton-consumer-${fixture}-`));
    await cp(join(ROOT, "test", "consumers", "fixtures", fixture), folder, { recursive: true });
    await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
    const flags = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];
    await exec("npm", ["install", ...flags, ...packages], { cwd: folder });
    return new Project(folder);
  }

  /** Returns the path of a file of an installed package. */
  installed(path: string): string {
    return join(this.folder, "node_modules", path);
  }

  /** Runs a script. Rejects with its output if it fails or takes longer than a minute. */
  async run(node: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
    // Scripts that start `node` by name get the same version.
    const path = `${dirname(node)}:${process.env["PATH"]}`;
    const options = { cwd: this.folder, env: { ...process.env, PATH: path, ...env }, timeout: 60_000 };
    try {
      await exec(node, args, options);
    } catch (error) {
      const { message, stdout, stderr } = error as Error & { stdout: string; stderr: string };
      throw new Error(`${message}\n${stdout}\n${stderr}`, { cause: error });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

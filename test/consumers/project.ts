import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const exec = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Packs this package as it would be published, without building it. Resolves to the path of the tarball. */
export async function pack(folder: string): Promise<string> {
  const { stdout } = await exec("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], {
    cwd: ROOT,
  });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  return join(folder, filename);
}

/** A fresh folder with a fixture's files and what it depends on, as a user has them. */
export class Project implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Copies the fixture of that name and installs packages beside it. */
  static async create(fixture: string, packages: readonly string[]): Promise<Project> {
    const folder = await mkdtemp(join(tmpdir(), `pg-baton-consumer-${fixture}-`));
    await cp(join(ROOT, "test", "consumers", "fixtures", fixture), folder, { recursive: true });
    await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
    const flags = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];
    await exec("npm", ["install", ...flags, ...packages], { cwd: folder });
    return new Project(folder);
  }

  /** The path of a file of an installed package. */
  installed(path: string): string {
    return join(this.folder, "node_modules", path);
  }

  /** Runs a script to its end. Rejects with all that it wrote, unless it ends well within a minute. */
  async run(node: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
    // What starts `node` by name gets the same one.
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

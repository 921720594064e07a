import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { UsageError } from "../../lib/cli/usage.js";
import { loadWorkers } from "../../lib/cli/workers.js";

const IMPORT = `import { defineWorker } from ${JSON.stringify(new URL("../../lib/worker.js", import.meta.url).href)};`;

function worker(name: string): string {
  return `defineWorker(import.meta.url, { name: "${name}", perform: () => 1 })`;
}

describe("loadWorkers", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "pg-baton-workers-"));
  });

  afterEach(() => rm(folder, { recursive: true }));

  async function write(path: string, code: string): Promise<string> {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, code);
    return file;
  }

  async function names(...paths: string[]): Promise<string[]> {
    return (await loadWorkers(paths)).map(({ name }) => name);
  }

  async function refusal(...paths: string[]): Promise<string> {
    const error: unknown = await loadWorkers(paths).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(UsageError);
    return (error as UsageError).message;
  }

  it("finds every worker that a module exports, as default or by name", async () => {
    const file = await write(
      "a.mjs",
      `${IMPORT} export default ${worker("one")}; export const two = ${worker("two")};`,
    );
    expect(await names(file)).to.have.members(["one", "two"]);
  });

  it("searches folders recursively, but not installed packages", async () => {
    await write("a/b/deep.mjs", `${IMPORT} export default ${worker("deep")};`);
    await write("flat.mjs", `${IMPORT} export default ${worker("flat")};`);
    await write("paths.mjs", "export const root = '/';");
    await write("readme.md", "no code");
    await write("node_modules/x/index.mjs", "throw new Error('not for us')");
    expect(await names(folder)).to.deep.equal(["deep", "flat"]);
  });

  it("returns a worker once that is exported twice", async () => {
    const file = await write("a.mjs", `${IMPORT} export default ${worker("one")};`);
    await write("index.mjs", 'export { default as one } from "./a.mjs";');
    expect(await names(folder, file)).to.deep.equal(["one"]);
  });

  it("finds the workers of this repository's examples", async () => {
    const workers = fileURLToPath(new URL("../../examples/workers", import.meta.url));
    expect(await names(workers)).to.include.members(["burn", "compress", "double", "echo"]);
  });

  it("refuses two workers of one name, and names their modules", async () => {
    await write("a.mjs", `${IMPORT} export default ${worker("one")};`);
    await write("b.mjs", `${IMPORT} export default ${worker("one")};`);
    expect(await refusal(folder)).to.match(/two workers have the name one: one of .*a\.mjs, one of .*b\.mjs/);
  });

  it("refuses a folder without a worker, and a path that does not exist", async () => {
    expect(await refusal(folder)).to.include(`${folder} exports no worker`);
    expect(await refusal(join(folder, "nowhere"))).to.include("does not exist");
  });

  it("shows what a module threw while it was imported, whatever that was", async () => {
    expect(await refusal(await write("a.mjs", "throw null;"))).to.match(/a\.mjs does not import: null$/);
  });
});

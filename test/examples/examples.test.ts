import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { type NodeProcess, spawnNode } from "../support/process.js";

const file = (path: string): string => new URL(`../../${path}`, import.meta.url).pathname;

describe("the examples", function () {
  this.timeout(60_000);
  let database: TestDatabase;

  before(async () => {
    database = await createDatabase();
  });

  after(() => database.drop());

  const start = (path: string, args: string[] = [], env: Record<string, string> = {}): NodeProcess =>
    spawnNode(file(path), args, { env: { DATABASE_URL: database.url, ...env } });

  it("caller: gets its results from a host that the command line started", async () => {
    await using host = start("lib/cli/main.js", [
      "host",
      "--workers",
      file("workers/double.js"),
      "--queue",
      "default:2",
      "--threads",
      "1",
    ]);
    await host.nextLine((line) => line.includes("is up"));
    await using caller = start("examples/caller.js", ["1", "2"]);
    expect(await caller.nextLine()).to.equal("1 doubled is 2");
    expect(await caller.nextLine()).to.equal("2 doubled is 4");
    expect((await caller.exited).code).to.equal(0);
    host.kill("SIGTERM");
    expect(await host.exited).to.deep.equal({ code: 0, signal: null });
  });

  it("http: answers with the value, says what is wrong, and stops on SIGTERM", async () => {
    await using server = start("examples/http.js", [], { PORT: "0" });
    const [url] = /http:\S+/.exec(await server.nextLine((line) => line.startsWith("listening"))) ?? [""];
    const value = (await (await fetch(`${url}/double?int=21`)).json()) as { value: number };
    expect(value.value).to.equal(42);
    expect((await fetch(`${url}/double?int=x`)).status).to.equal(400);
    expect((await fetch(`${url}/result?ticket=%7B%7D`)).status).to.equal(400);
    server.kill("SIGTERM");
    expect(await server.exited).to.deep.equal({ code: 0, signal: null });
  });

  describe("npm start", () => {
    let folder: string;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "pg-baton-start-"));
      await writeFile(join(folder, "a.txt"), "a".repeat(2_000));
      await writeFile(join(folder, "b.txt"), "b");
    });

    after(() => rm(folder, { recursive: true }));

    it("does a folder's files, shows what else there is, and leaves nothing behind", async () => {
      await using demo = start("examples/start/main.js", [folder]);
      await demo.nextLine((line) => line.includes("2, none lost"));
      await demo.nextLine((line) => line.includes("caught a PaymentError"));
      expect((await demo.exited).code).to.equal(0);
    });

    it("says in a line what is wrong with a folder", async () => {
      await using demo = start("examples/start/main.js", [join(folder, "nowhere")]);
      expect((await demo.exited).code).to.equal(1);
      expect(demo.stderr.trim()).to.match(/^npm start: There is no .*nowhere\.$/);
    });

    it("says in a line that the database cannot be reached", async () => {
      await using demo = start("examples/start/main.js", [folder], { DATABASE_URL: "postgres://127.0.0.1:1/none" });
      expect((await demo.exited).code).to.equal(1);
      expect(demo.stderr).to.include("No PostgreSQL answers at 127.0.0.1:1/none");
    });
  });
});

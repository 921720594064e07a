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
      file("examples/workers/double.js"),
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

  it("caller: starts a host and a database without DATABASE_URL", async () => {
    await using caller = start("examples/caller.js", [], { DATABASE_URL: "" });
    expect(await caller.nextLine()).to.equal("1 doubled is 2");
    expect(await caller.exited).to.deep.equal({ code: 0, signal: null });
    expect(caller.stderr).to.equal("");
  });

  it("host: logs the outcomes of its jobs, and stops on SIGTERM", async () => {
    await using host = start("examples/host.js");
    await host.nextLine((line) => line.startsWith("up: "));
    await using caller = start("examples/caller.js", ["4"]);
    expect(await caller.nextLine()).to.equal("4 doubled is 8");
    expect(await host.nextLine()).to.match(/^double \d+ completed after [\d.]+ ms in thread \d+$/);
    host.kill("SIGTERM");
    expect(await host.exited).to.deep.equal({ code: 0, signal: null });
  });

  it("plain: works with require(), worker and caller in one file", async () => {
    await using plain = start("../examples/plain.cjs", ["10"]);
    expect(await plain.nextLine()).to.equal("fibonacci(10) is 55");
    expect(await plain.exited).to.deep.equal({ code: 0, signal: null });
  });

  it("one file: starts one host, though its threads import it too", async () => {
    await using program = start("examples/one-file.js", ["10"]);
    expect(await program.nextLine()).to.equal("fibonacci(10) is 55");
    expect(await program.exited).to.deep.equal({ code: 0, signal: null });
    expect(program.stderr).to.equal("");
  });

  it("http: responds with 202 and an address for a slow job, and with its value there", async () => {
    await using server = start("examples/http.js", [], { PORT: "0", WAIT: "100" });
    const [url] = /http:\S+/.exec(await server.nextLine((line) => line.startsWith("listening"))) ?? [""];
    let response = await fetch(`${url}/burn?ms=600`);
    expect(response.status).to.equal(202);
    const { result } = (await response.json()) as { result: string };
    do response = await fetch(`${url}${result}`);
    while (response.status === 202);
    expect(response.status).to.equal(200);
    expect(((await response.json()) as { value: number }).value).to.be.above(0);
    server.kill("SIGINT");
    expect(await server.exited).to.deep.equal({ code: 0, signal: null });
  });

  it("http: responds with the value, with 400 or 404 to a bad request, and stops on SIGTERM", async () => {
    await using server = start("examples/http.js", [], { PORT: "0" });
    const [url] = /http:\S+/.exec(await server.nextLine((line) => line.startsWith("listening"))) ?? [""];
    const value = (await (await fetch(`${url}/double?int=21`)).json()) as { value: number };
    expect(value.value).to.equal(42);
    for (const wrong of ["double", "double?int=", "double?int=x", "burn?ms=-1"]) {
      expect((await fetch(`${url}/${wrong}`)).status, wrong).to.equal(400);
    }
    expect((await fetch(`${url}/triple`)).status).to.equal(404);
    expect((await fetch(`${url}/result?ticket=%7B%7D`)).status).to.equal(400);
    server.kill("SIGTERM");
    expect(await server.exited).to.deep.equal({ code: 0, signal: null });
  });
});

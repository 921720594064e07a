import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, chmodSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import pg from "pg";
import { NodeProcess } from "./process.js";
import { until } from "./until.js";

/** Settings of pgbouncer.ini. */
export type PgBouncerSettings = Readonly<Record<string, string | number>>;

/** An installed PgBouncer. */
export interface PgBouncerProgram {
  readonly path: string;
  /** For example `[1, 25, 2]`. */
  readonly version: readonly number[];
}

/** The user to run as instead of root, which PgBouncer refuses. */
const NOBODY = 65_534;

/** Finds PgBouncer: that of PGBOUNCER if set, else one on the PATH or in /usr/sbin, else null. */
export function findPgBouncer(): PgBouncerProgram | null {
  const { PGBOUNCER, PATH = "" } = process.env;
  const folders = [...PATH.split(delimiter), "/usr/sbin"].map((folder) => join(folder, "pgbouncer"));
  const path = PGBOUNCER || folders.find(isProgram);
  if (path === undefined) return null;
  const [, version = ""] = /PgBouncer ([\d.]+)/.exec(execFileSync(path, ["--version"], { encoding: "utf8" })) ?? [];
  return { path, version: version.split(".").map(Number) };
}

/** Whether it keeps prepared statements across server connections, as it does from 1.21 on. */
function keepsStatements({ version: [major = 0, minor = 0] }: PgBouncerProgram): boolean {
  return major > 1 || minor >= 21;
}

/** A PgBouncer in front of a database. It accepts any client as the user of the database's URL. */
export class PgBouncer implements AsyncDisposable {
  /** The URL of the database through PgBouncer. */
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

  /** Starts it, without settings that the program is too old for. */
  static async start(program: PgBouncerProgram, database: string, settings: PgBouncerSettings): Promise<PgBouncer> {
    const bouncer = new PgBouncer(program, database, settings, await freePort());
    await bouncer.#run();
    return bouncer;
  }

  /** Kills it, and starts it again at the same address. */
  async restart(): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
    await this.#run();
  }

  /** The application names of its clients. */
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

/** A connection string for pgbouncer.ini, without the database, which the client chooses. */
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

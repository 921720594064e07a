import { expect } from "chai";
import pg from "pg";
import { type Embedded, startEmbedded } from "../../lib/embedded.js";
import { Baton, DatabaseError } from "../../lib/index.js";
import { Database } from "../../lib/postgres/database.js";
import { sqlState } from "../../lib/postgres/failure.js";
import { Telemetry } from "../../lib/telemetry.js";
import double from "../../examples/workers/double.js";
import { Hosts } from "../support/hosts.js";
import { until } from "../support/until.js";

const WRITE = { name: "write", text: "insert into public.notes values ($1)" };

describe("two servers, one of them writable:", () => {
  let servers: Embedded[];
  let admins: pg.Client[];
  let both: string;

  before(async () => {
    servers = await Promise.all([startEmbedded({ fsync: false }), startEmbedded({ fsync: false })]);
    admins = servers.map(({ url }) => new pg.Client(url));
    for (const admin of admins) {
      await admin.connect();
      await admin.query("create table public.notes (note text)");
    }
    // Both use the password of the first, so that one URL can name both.
    const [first, second] = servers.map(({ url }) => new URL(url)) as [URL, URL];
    await admins[1]?.query(`alter role postgres password '${decodeURIComponent(first.password)}'`);
    both = first.href.replace(first.host, `${first.host},${second.host}`);
  });

  beforeEach(() => writable(0));

  after(async () => {
    await Promise.all(admins.map((admin) => admin.end()));
    await Promise.all(servers.map((server) => server.remove()));
  });

  /** Makes only this server writable. Sessions stay open, as when a primary is demoted. */
  async function writable(server: number): Promise<void> {
    for (const [index, admin] of admins.entries()) {
      await admin.query(`alter system set default_transaction_read_only = ${index === server ? "off" : "on"}`);
      await admin.query("select pg_reload_conf()");
      await until(async () => {
        const { rows } = await admin.query<{ on: boolean }>(
          "select current_setting('default_transaction_read_only') = 'on' as on",
        );
        return rows[0]?.on === (index !== server);
      }, "the setting to be read");
    }
  }

  async function notes(server: number, note: string): Promise<number> {
    return (await admins[server]?.query("select from public.notes where note = $1", [note]))?.rowCount ?? 0;
  }

  async function opened(connection: string): Promise<Database> {
    const database = new Database(connection, "test", new Telemetry("test"));
    await database.start();
    return database;
  }

  for (const server of [0, 1]) {
    it(`a URL of both connects to the writable one, the ${server === 0 ? "first" : "second"}`, async () => {
      await writable(server);
      const database = await opened(`${both}?target_session_attrs=read-write`);
      await database.query(WRITE, [`found ${server}`]);
      await database.stop();
      expect(await notes(server, `found ${server}`)).to.equal(1);
    });
  }

  it("if one is away, the other is found", async () => {
    await writable(1);
    const { port } = new URL(servers[0]?.url ?? "");
    const database = await opened(both.replace(`:${port},`, ":1,"));
    await database.query(WRITE, ["other"]);
    await database.stop();
    expect(await notes(1, "other")).to.equal(1);
  });

  it("if neither is writable, start fails and names both", async () => {
    await writable(2);
    const error: unknown = await new Baton({ connection: both }).start().catch((failure: unknown) => failure);
    expect(error).to.be.instanceOf(DatabaseError);
    expect(error).to.include({ code: "ERR_BATON_DATABASE_READ_ONLY" });
    expect(String(error)).to.include("takes no writes");
  });

  it("a connection whose write is refused is closed, and the next goes to the other server", async () => {
    const database = await opened(both);
    await Promise.all(["a", "b", "c"].map((note) => database.query(WRITE, [note])));
    await writable(1);
    const error: unknown = await database.query(WRITE, ["late"]).catch((failure: unknown) => failure);
    expect(sqlState(error)).to.equal("25006");
    // On every connection: none uses the old server again.
    await Promise.all(["d", "e", "f", "g"].map((note) => database.query(WRITE, [`next ${note}`])));
    expect(await notes(1, "next g")).to.equal(1);
    await database.stop();
  });

  it("with one server, each retry uses a new connection until it is writable again", async () => {
    const [{ url }] = servers as [Embedded];
    const database = await opened(url);
    await database.query(WRITE, ["before"]);
    await writable(1);
    expect(sqlState(await database.query(WRITE, ["x"]).catch((failure: unknown) => failure))).to.equal("25006");
    const error: unknown = await database.query(WRITE, ["x"]).catch((failure: unknown) => failure);
    expect(error).to.include({ code: "ERR_BATON_DATABASE_READ_ONLY" });
    await writable(0);
    await database.query(WRITE, ["after"]);
    expect(await notes(0, "after")).to.equal(1);
    await database.stop();
  });

  it("a host and its callers follow to the writable server, and listen there", async () => {
    const hosts = new Hosts(both);
    try {
      await (await hosts.start()).stop();
      await writable(1);
      await (await hosts.start()).stop();
      const [host, caller] = [await hosts.start({ queues: { default: 2 } }), await hosts.start()];
      expect(await caller.call(double.new({ int: 1 }), 20_000)).to.equal(2);
      await writable(0);
      expect(await caller.call(double.new({ int: 2 }), 20_000)).to.equal(4);
      expect(await host.call(double.new({ int: 3 }), 20_000)).to.equal(6);
      const notified = async (): Promise<boolean> => {
        const result = await caller.await(await caller.async(double.new({ int: 4 })), 20_000);
        return result.ok && result.via === "notify";
      };
      await until(notified, "results to come by notification", 30_000);
    } finally {
      await hosts.stop();
    }
  }).timeout(90_000);
});

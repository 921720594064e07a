import { expect } from "chai";
import pg from "pg";
import { Database } from "../../lib/postgres/database.js";
import { sqlState } from "../../lib/postgres/failure.js";
import { Telemetry } from "../../lib/telemetry.js";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { FaultyProxy } from "../support/faulty-proxy.js";
import { until } from "../support/until.js";

const MB = 1_000_000;
/** Stored without compression, so that all bytes travel. */
const BIG = Buffer.alloc(6 * MB, "0123456789abcdef");

describe("statements that take long", () => {
  let test: TestDatabase;
  let sql: pg.Client;
  let proxy: FaultyProxy;
  let url: string;
  let database: Database;

  before(async () => {
    test = await createDatabase();
    sql = new pg.Client(test.url);
    await sql.connect();
    await sql.query("create table public.notes (note text, body bytea)");
    await sql.query("alter table public.notes alter body set storage external");
    await sql.query("insert into public.notes values ('big', $1)", [BIG]);
  });

  beforeEach(async () => {
    proxy = new FaultyProxy(test.url);
    url = await proxy.start();
  });

  afterEach(async () => {
    await database.stop();
    await proxy.stop();
  });

  after(async () => {
    await sql.end();
    await test.drop();
  });

  async function opened(connection: string, patience?: number): Promise<void> {
    database = new Database(connection, "test", new Telemetry("test"), patience);
    await database.start();
  }

  function insert(note: string, body: Buffer | null): Promise<object[]> {
    return database.query({ name: "i", text: "insert into public.notes values ($1, $2)" }, [note, body]);
  }

  async function count(note: string): Promise<number> {
    return (await sql.query("select from public.notes where note = $1", [note])).rowCount ?? 0;
  }

  /** Counts the statements that the listener would ask the server about while the work lasts. */
  async function watched<Result>(work: Promise<Result>): Promise<{ result: Result; cuts: number }> {
    let cuts = 0;
    const looks = setInterval(() => (cuts += database.watchdog.stalled().length), 200);
    try {
      return { result: await work, cuts };
    } finally {
      clearInterval(looks);
    }
  }

  for (const [what, size] of [
    ["a statement", null],
    ["a statement in bulk", 300_000],
  ] as const) {
    it(`end on the server before the client gives up: ${what} that waits for an index build`, async () => {
      await opened(url);
      // CREATE INDEX holds this lock while it builds.
      await sql.query("begin; lock table public.notes in share mode");
      const error: unknown = await insert(what, size && Buffer.alloc(size)).catch((failure: unknown) => failure);
      expect(["57014", "55P03"]).to.include(sqlState(error));
      await sql.query("commit");
      // The client receives the error a moment before the session becomes idle.
      const active = `select from pg_stat_activity where application_name = 'test' and datname = current_database()
        and state = 'active'`;
      await until(async () => (await sql.query(active)).rowCount === 0, "all statements to end");
      expect(await count(what), "rows of the statement that was given up").to.equal(0);
      await insert(what, null);
      expect(await count(what), "rows of a later statement").to.equal(1);
    }).timeout(60_000);
  }

  it("end on the server once their connection is cut, even while they wait for a lock", async () => {
    await opened(url);
    await sql.query("begin; lock table public.notes in share mode");
    const lost = insert("cut", null).catch(() => "lost");
    const waits = (): Promise<boolean> =>
      sql
        .query("select from pg_locks where not granted and pid <> pg_backend_pid()")
        .then(({ rowCount }) => rowCount === 1);
    await until(waits, "it to wait");
    proxy.cut();
    expect(await lost).to.equal("lost");
    await until(async () => !(await waits()), "the server to notice");
    await sql.query("commit");
    expect(await count("cut")).to.equal(0);
  }).timeout(60_000);

  it("fail when no byte moves for too long, with an error that says so", async () => {
    await opened(url, 1_500);
    proxy.numb();
    const error: unknown = await insert("numb", null).catch((failure: unknown) => failure);
    expect(String(error)).to.match(/has not answered a statement for 1500 ms/);
  }).timeout(60_000);

  it("do not fail while their bytes come in or go out, however long that takes", async () => {
    await opened(url, 2_500);
    await insert("warm", Buffer.alloc(300_000));
    proxy.rate = 1.5 * MB;
    let copied = 0;
    const copy = database.copy(
      "copy (select body from public.notes where note = 'big') to stdout (format binary)",
      ([body]) => {
        copied += body?.length ?? 0;
      },
    );
    expect((await watched(copy)).cuts, "cuts of a copy").to.equal(0);
    expect(copied).to.equal(BIG.length);
    const text = "select body from public.notes where note = 'big'";
    const read = await watched(database.query<{ body: Buffer }>({ name: "r", text }, []));
    expect(read.cuts, "cuts of rows").to.equal(0);
    expect(read.result[0]?.body.equals(BIG)).to.equal(true);
    expect((await watched(insert("out", BIG))).cuts, "cuts of a write").to.equal(0);
    expect(await count("out")).to.equal(1);
  }).timeout(60_000);
});

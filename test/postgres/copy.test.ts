import { expect } from "chai";
import { Database } from "../../lib/postgres/database.js";
import { Telemetry } from "../../lib/telemetry.js";
import { createDatabase, type TestDatabase } from "../support/database.js";
import { rejection } from "../support/rejection.js";

describe("copying out", () => {
  let test: TestDatabase;
  let database: Database;

  before(async () => {
    test = await createDatabase();
    database = new Database(test.url, "test", new Telemetry("test"));
    await database.start();
  });

  after(async () => {
    await database.stop();
    await test.drop();
  });

  function copied(query: string, format = "binary"): Promise<(string | null)[][]> {
    const rows: (string | null)[][] = [];
    const onRow = (row: readonly (Buffer | null)[]) =>
      void rows.push(row.map((field) => field?.toString("hex") ?? null));
    return database.copy(`copy (${query}) to stdout (format ${format})`, onRow).then(() => rows);
  }

  it("returns the fields of each row unconverted", async () => {
    const query = "select n::smallint, '\\x00ff80'::bytea, null, '' from generate_series(1, 3) n";
    expect(await copied(query)).to.deep.equal([1, 2, 3].map((n) => [`000${n}`, "00ff80", null, ""]));
  });

  it("returns no rows for an empty query", async () => {
    expect(await copied("select 1 where false")).to.deep.equal([]);
  });

  it("returns rows larger than the driver's chunks", async () => {
    const rows = await copied("select decode(repeat('5a', 300000 * n), 'hex') from generate_series(1, 3) n");
    expect(rows).to.deep.equal([1, 2, 3].map((n) => ["5a".repeat(300_000 * n)]));
  });

  it("rejects with what `onRow` throws and with the server's error; the connection stays in order", async () => {
    const wrong = new Error("not wanted");
    const throwing = database.copy("copy (select generate_series(1, 10)) to stdout (format binary)", () => {
      throw wrong;
    });
    expect(await rejection(throwing)).to.equal(wrong);
    expect(await rejection(copied("select 1 / (3 - n) from generate_series(1, 3) n"))).to.include({ code: "22012" });
    expect(await rejection(copied("select 1", "text")))
      .to.have.property("message")
      .that.includes("unknown format");
    expect(await copied("select 1::smallint")).to.deep.equal([["0001"]]);
  });
});

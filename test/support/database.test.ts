import { expect } from "chai";
import pg from "pg";
import { createDatabase } from "./database.js";

describe("a test's database", () => {
  it("is empty, UTF8 and its own", async () => {
    const [one, other] = await Promise.all([createDatabase(), createDatabase()]);
    const client = new pg.Client(one.url);
    await client.connect();
    const { rows } = await client.query<{ name: string; encoding: string; tables: string }>(
      `select current_database() as name, current_setting('server_encoding') as encoding,
         (select count(*) from pg_tables where schemaname = 'public') as tables`,
    );
    await client.end();

    expect(rows).to.deep.equal([{ name: one.name, encoding: "UTF8", tables: "0" }]);
    expect(other.name).not.to.equal(one.name);
    await one.drop();
    await other.drop();
  });

  it("names the connections that are still open when it is dropped", async () => {
    const database = await createDatabase();
    const client = new pg.Client({ connectionString: database.url, application_name: "forgetful" });
    client.on("error", () => undefined);
    await client.connect();
    await client.query("select 'last words'");

    const error: unknown = await database.drop().catch((reason: unknown) => reason);
    await client.end();

    expect(error)
      .to.be.an("error")
      .with.property("message")
      .that.matches(/left open.*\n.*forgetful.*last words/);
  });
});

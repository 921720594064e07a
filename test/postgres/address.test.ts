import { expect } from "chai";
import pg from "pg";
import { InvalidOptionError } from "../../lib/errors.js";
import { addressOf } from "../../lib/postgres/address.js";

/** The servers that pg would connect to, in order. */
function servers(connection: string | pg.ClientConfig): string[] {
  return addressOf(connection).servers.map((server) => {
    const { user, host, port, database } = new pg.Client(server);
    return `${user}@${host}:${port}/${database}`;
  });
}

describe("the connection option", () => {
  it("names one server or several, as libpq does", () => {
    expect(servers("postgres://u:p@a:1/db")).to.deep.equal(["u@a:1/db"]);
    expect(servers("postgresql://u:p@a:1,b:2,[::1]:3/db?target_session_attrs=read-write")).to.deep.equal([
      "u@a:1/db",
      "u@b:2/db",
      "u@::1:3/db",
    ]);
    expect(servers("postgres://u@/db?host=a,b&port=1,2")).to.deep.equal(["u@a:1/db", "u@b:2/db"]);
    expect(servers("postgres://u@/db?host=a,b&port=7")).to.deep.equal(["u@a:7/db", "u@b:7/db"]);
    expect(servers({ user: "u", host: "a,b", port: 5, database: "db" })).to.deep.equal(["u@a:5/db", "u@b:5/db"]);
    expect(servers({ connectionString: "postgres://u@a:1,b:2/db" })).to.deep.equal(["u@a:1/db", "u@b:2/db"]);
  });

  it("may name the directory of a Unix socket", () => {
    expect(servers("postgres:///db?host=/var/run/postgresql&user=u")).to.deep.equal(["u@/var/run/postgresql:5432/db"]);
    expect(servers({ user: "u", host: "/a,b", database: "db" })).to.deep.equal(["u@/a,b:5432/db"]);
  });

  it("keeps the parameters of pg and removes those that Baton sets", () => {
    const { servers: urls, options } = addressOf(
      "postgres://u@a/db?application_name=x&options=-c%20work_mem%3D1MB&statement_timeout=5&connect_timeout=3&sslmode=disable",
    );
    expect(urls).to.deep.equal([
      { connectionTimeoutMillis: 3_000, connectionString: "postgres://u@a/db?application_name=x&sslmode=disable" },
    ]);
    expect(options).to.equal("-c work_mem=1MB");
    expect(addressOf({ host: "a", options: "-c work_mem=1MB", query_timeout: 5 })).to.deep.equal({
      servers: [{ host: "a" }],
      options: "-c work_mem=1MB",
    });
  });

  for (const [parameter, says] of [
    ["target_session_attrs=standby", "any, read-write, primary"],
    ["target_session_attrs=prefer-standby", "any, read-write, primary"],
    ["load_balance_hosts=random", "tries the hosts in order"],
    ["gssencmode=require", "sslmode"],
    ["service=main", "remove it"],
    ["hostaddr=127.0.0.1", "remove it"],
    ["sslcrl=/x", "remove it"],
  ] as const) {
    it(`refuses ${parameter}, and says what to do`, () => {
      expect(() => addressOf(`postgres://a/db?${parameter}`)).to.throw(InvalidOptionError, says);
    });
  }
});

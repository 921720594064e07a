import { expect } from "chai";
import { DatabaseError } from "../../lib/errors.js";
import { isPassing, sqlState } from "../../lib/postgres/failure.js";

function raised(code: string): Error {
  return Object.assign(new Error("raised"), { code, severity: "ERROR" });
}

describe("a failure of the database", () => {
  for (const [what, error, passes] of [
    ["a connection refused", Object.assign(new Error("no"), { code: "ECONNREFUSED" }), true],
    ["a connection cut", new Error("Connection terminated unexpectedly"), true],
    ["a server that shuts down", raised("57P01"), true],
    ["a server that starts", raised("57P03"), true],
    ["no connection left", raised("53300"), true],
    ["a disk that is full", raised("53100"), true],
    ["a password that is being changed", raised("28P01"), true],
    ["a deadlock", raised("40P01"), true],
    ["a replica before it takes over", raised("25006"), true],
    ["a value that there is not", raised("22P02"), false],
    ["a constraint", raised("23514"), false],
    ["a trigger's refusal", raised("P0001"), false],
    ["no right to the table", raised("42501"), false],
    ["an unreachable server, in our own words", new DatabaseError("ERR_BATON_DATABASE_UNREACHABLE", "away"), true],
    ["a schema too new", new DatabaseError("ERR_BATON_SCHEMA_TOO_NEW", "new"), false],
  ] as const) {
    it(`${passes ? "may pass" : "will not pass"}: ${what}`, () => {
      expect(isPassing(error)).to.equal(passes);
    });
  }

  it("has an SQLSTATE only where PostgreSQL raised it", () => {
    expect(sqlState(raised("23514"))).to.equal("23514");
    expect(sqlState(Object.assign(new Error("no"), { code: "EPIPE" }))).to.equal(null);
    expect(sqlState(null)).to.equal(null);
  });
});

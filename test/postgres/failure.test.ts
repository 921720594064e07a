import { expect } from "chai";
import { DatabaseError } from "../../lib/errors.js";
import { isPassing, sqlState } from "../../lib/postgres/failure.js";

function raised(code: string): Error {
  return Object.assign(new Error("raised"), { code, severity: "ERROR" });
}

describe("a failure of the database", () => {
  for (const [what, error, passes] of [
    ["a refused connection", Object.assign(new Error("no"), { code: "ECONNREFUSED" }), true],
    ["a lost connection", new Error("Connection terminated unexpectedly"), true],
    ["a shutdown of the server", raised("57P01"), true],
    ["a starting server", raised("57P03"), true],
    ["too many connections", raised("53300"), true],
    ["a full disk", raised("53100"), true],
    ["a wrong password, which may be about to change", raised("28P01"), true],
    ["a deadlock", raised("40P01"), true],
    ["a standby before its promotion", raised("25006"), true],
    ["an invalid value", raised("22P02"), false],
    ["a violated constraint", raised("23514"), false],
    ["an exception of a trigger", raised("P0001"), false],
    ["a missing privilege", raised("42501"), false],
    ["Baton's own error of an unreachable server", new DatabaseError("ERR_BATON_DATABASE_UNREACHABLE", "away"), true],
    ["a newer schema", new DatabaseError("ERR_BATON_SCHEMA_TOO_NEW", "new"), false],
  ] as const) {
    it(`${passes ? "passes" : "does not pass"}: ${what}`, () => {
      expect(isPassing(error)).to.equal(passes);
    });
  }

  it("has an SQLSTATE only if PostgreSQL raised it", () => {
    expect(sqlState(raised("23514"))).to.equal("23514");
    expect(sqlState(Object.assign(new Error("no"), { code: "EPIPE" }))).to.equal(null);
    expect(sqlState(null)).to.equal(null);
  });
});

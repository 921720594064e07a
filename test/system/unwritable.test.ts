import { expect } from "chai";
import type { Baton } from "../../lib/index.js";
import double from "../../examples/workers/double.js";
import { useSystem } from "../support/system.js";
import { sized } from "../workers/sizes.js";

describe("a result that the database never writes in time", () => {
  const { hosts, sql } = useSystem("test");
  let host: Baton;

  beforeEach(async () => {
    host = await hosts.start({ queues: { default: 2 } });
  });

  it("fails its attempt with an error that says so, while the host goes on", async () => {
    await sql.query(`create function baton.slow() returns trigger language plpgsql as $$ begin
        if new.state = 4 and octet_length(new.result) > 1000 then
          raise exception using errcode = 'query_canceled', message = 'canceling statement due to statement timeout';
        end if;
        return new;
      end $$;
      create trigger slow before update on baton.jobs for each row execute function baton.slow()`);
    const relay = await host.async(sized.new({ size: 5_000 }, { maxAttempts: 1 }));
    for (let int = 0; int < 20; int += 1) expect(await host.call(double.new({ int }))).to.equal(2 * int);
    const result = await host.await(relay, 25_000);
    if (result.ok || typeof result.error === "string") throw new Error("It must fail");
    expect(result.error).to.include({ name: "DatabaseError", code: "ERR_BATON_DATABASE_REFUSED" });
    expect(result.error.message).to.include("statement timeout");
    expect(result.job).to.include({ state: "discarded", attempt: 1 });
    expect(host.status()).to.include({ unwritten: 0 });
  });
});

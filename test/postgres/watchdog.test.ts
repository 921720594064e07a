import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type pg from "pg";
import { expect } from "chai";
import { Watchdog } from "../../lib/postgres/watchdog.js";
import { until } from "../support/until.js";

describe("the watchdog", () => {
  let server: Server;
  let far: Socket;
  let near: Socket;
  let watchdog: Watchdog;

  beforeEach(async () => {
    server = createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    // An infinitely fast line: bytes that the system has taken count as arrived.
    watchdog = new Watchdog({ slowest: Number.POSITIVE_INFINITY });
    near = watchdog.adopt() as Socket;
    const connected = once(server, "connection");
    near.connect((server.address() as AddressInfo).port, "127.0.0.1");
    [far] = (await connected) as [Socket];
  });

  afterEach(() => {
    near.destroy();
    far.destroy();
    server.close();
  });

  function begin() {
    // The parts of a driver's client that the watchdog reads.
    return watchdog.begin({ processID: 1, connection: { stream: near } } as unknown as pg.ClientBase);
  }

  /** A server with these idle processes. It records the processes that it is asked about. */
  function serverOf(asked: unknown[], ...idle: number[]): pg.ClientBase {
    const query = async (_text: string, values: unknown[]): Promise<{ rows: { pid: number }[] }> => {
      asked.push(...values);
      return { rows: idle.map((pid) => ({ pid })) };
    };
    return { query } as unknown as pg.ClientBase;
  }

  it("counts a statement without an answer as stalled", async () => {
    const statement = begin();
    near.write("a statement");
    await until(() => watchdog.stalled(0).length > 0, "it to stall");
    expect(watchdog.stalled(60_000)).to.deep.equal([]);
    watchdog.end(statement);
    expect(watchdog.stalled(0)).to.deep.equal([]);
  });

  it("does not count a statement as stalled while its bytes go out", async () => {
    begin();
    near.write(Buffer.alloc(64 * 1_024 * 1_024));
    await until(() => watchdog.stalled(0).length > 0, "the system to take no more");
    far.resume();
    await until(() => watchdog.stalled(0).length === 0, "the system to take more");
    await until(() => near.writableLength === 0, "all to be taken");
    await until(() => watchdog.stalled(0).length > 0, "it to stall again");
  });

  it("cuts the connection of a statement that the server never received, and no other", async () => {
    const statement = begin();
    const asked: unknown[] = [];
    await watchdog.audit(serverOf(asked), [statement]);
    expect(near.destroyed, "the server is executing it").to.equal(false);
    await watchdog.audit(serverOf(asked, 2), [statement]);
    expect(near.destroyed, "another process").to.equal(false);
    await watchdog.audit(serverOf(asked, 1), [statement]);
    expect(near.destroyed).to.equal(true);
    expect(asked).to.deep.equal([[1], [1], [1]]);
  });

  it("does not cut the connection of a statement that was answered meanwhile", async () => {
    const statement = begin();
    const audit = watchdog.audit(serverOf([], 1), [statement]);
    watchdog.end(statement);
    await audit;
    expect(near.destroyed).to.equal(false);
  });

  it("cuts connections of a certain age, whether a statement is under way or not", () => {
    watchdog.cutOlder(60_000);
    expect(near.destroyed).to.equal(false);
    watchdog.cutOlder(0);
    expect(near.destroyed).to.equal(true);
  });

  it("fails a statement with an error once no byte has moved for its patience", async () => {
    watchdog = new Watchdog({ patience: 20, slowest: Number.POSITIVE_INFINITY });
    const failed = once(near, "error");
    watchdog.end(begin());
    begin();
    const [reason] = await failed;
    expect(reason).to.be.an("error").with.property("message", "The database has not answered a statement for 20 ms");
  });
});

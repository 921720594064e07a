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
});

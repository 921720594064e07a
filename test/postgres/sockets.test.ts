import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type pg from "pg";
import { expect } from "chai";
import { Sockets } from "../../lib/postgres/sockets.js";
import { until } from "../support/until.js";

describe("the sockets under the pool's connections", () => {
  let server: Server;
  let far: Socket;
  let near: Socket;
  let sockets: Sockets;

  beforeEach(async () => {
    server = createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    // What the system has taken counts as arrived.
    sockets = new Sockets(undefined, Number.POSITIVE_INFINITY);
    near = sockets.add() as Socket;
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
    // What the driver keeps of a connection.
    return sockets.begin({ processID: 1, connection: { stream: near } } as unknown as pg.ClientBase);
  }

  it("count a statement as stalled that has no answer", async () => {
    const wait = begin();
    near.write("a statement");
    await until(() => sockets.stalled(0).length > 0, "it to stall");
    expect(sockets.stalled(60_000)).to.deep.equal([]);
    sockets.end(wait);
    expect(sockets.stalled(0)).to.deep.equal([]);
  });

  it("do not count one whose bytes still go out, until they go out no more", async () => {
    begin();
    near.write(Buffer.alloc(64 * 1_024 * 1_024));
    await until(() => sockets.stalled(0).length > 0, "the system to take no more");
    far.resume();
    await until(() => sockets.stalled(0).length === 0, "the system to take more");
    await until(() => near.writableLength === 0, "all to be taken");
    await until(() => sockets.stalled(0).length > 0, "it to stall again");
  });
});

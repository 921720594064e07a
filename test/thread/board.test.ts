import { runInNewContext } from "node:vm";
import { MessageChannel } from "node:worker_threads";
import { expect } from "chai";
import { Board } from "../../lib/thread/board.js";
import { isHello, LINK } from "../../lib/thread/link.js";

describe("The board of a thread", () => {
  it("shows the host what the thread records", () => {
    const thread = new Board();
    const host = new Board(thread.memory);
    expect(host).to.include({ begun: 0, spoiled: false, exitCaller: null });
    thread.begin();
    thread.begin();
    thread.spoil();
    thread.recordExit(2 ** 53 - 1);
    expect(host).to.include({ begun: 2, spoiled: true, exitCaller: 2 ** 53 - 1 });
    host.reset();
    expect(thread).to.include({ begun: 0, spoiled: true });
    thread.recordExit(undefined);
    expect(host.exitCaller).to.equal("unknown");
  });

  it("makes a message a Hello, in any realm", () => {
    const { port1, port2 } = new MessageChannel();
    const { memory } = new Board();
    const foreign: unknown = runInNewContext("new SharedArrayBuffer(16)");
    expect(foreign).to.not.be.instanceOf(SharedArrayBuffer);
    for (const good of [memory, foreign]) expect(isHello({ [LINK]: port1, jobs: port2, memory: good })).to.equal(true);
    for (const bad of [undefined, new ArrayBuffer(16), new SharedArrayBuffer(8)]) {
      expect(isHello({ [LINK]: port1, jobs: port2, memory: bad })).to.equal(false);
    }
    for (const bad of [null, 1, "hello", {}, { [LINK]: port1 }, { [LINK]: {}, jobs: port2, memory }]) {
      expect(isHello(bad)).to.equal(false);
    }
    port1.close();
  });
});

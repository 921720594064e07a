import { execFile } from "node:child_process";
import { channel, subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { promisify } from "node:util";
import { expect } from "chai";
import { Telemetry } from "../lib/telemetry.js";

describe("telemetry", () => {
  it("counts each event, and publishes it with the host's name", () => {
    const heard: unknown[] = [];
    const listener = (event: unknown): unknown => heard.push(event);
    subscribe("pg-baton:stage", listener);
    const telemetry = new Telemetry("mine");
    telemetry.emit("stage", { jobs: 3 });
    expect(unsubscribe("pg-baton:stage", listener)).to.equal(true);
    telemetry.emit("stage", { jobs: 4 });
    expect(heard).to.deep.equal([{ instance: "mine", jobs: 3 }]);
    expect(telemetry.counts()).to.deep.equal({ stage: 2 });
    expect(channel("pg-baton:stage").hasSubscribers).to.equal(false);
  });

  it("survives a subscriber that throws: others get the event, and the process warns once", async () => {
    const heard: unknown[] = [];
    const bad = (): void => {
      throw new Error("mine to mend");
    };
    const badLater = (): Promise<void> => Promise.reject(new Error("later"));
    const good = (event: unknown): unknown => heard.push(event);
    const warned = once(process, "warning");
    for (const listener of [bad, good, badLater]) subscribe("pg-baton:prune", listener);
    try {
      const telemetry = new Telemetry("mine");
      telemetry.emit("prune", { jobs: 1 });
      telemetry.emit("prune", { jobs: 2 });
      const [warning] = (await warned) as [Error];
      expect(warning.message).to.match(/subscriber of pg-baton:prune threw: Error: mine to mend/);
      expect(heard).to.have.length(2);
    } finally {
      for (const listener of [bad, good, badLater]) expect(unsubscribe("pg-baton:prune", listener)).to.equal(true);
    }
  });

  it("treats a subscriber of two channels, or subscribed twice, as any channel of Node does", () => {
    let calls = 0;
    const listener = (): void => {
      calls += 1;
    };
    subscribe("pg-baton:prune", listener);
    subscribe("pg-baton:prune", listener);
    subscribe("pg-baton:stage", listener);
    const telemetry = new Telemetry("mine");
    telemetry.emit("prune", { jobs: 1 });
    telemetry.emit("stage", { jobs: 1 });
    expect(calls).to.equal(3);
    for (const name of ["prune", "prune", "stage"]) expect(unsubscribe(`pg-baton:${name}`, listener)).to.equal(true);
    expect(unsubscribe("pg-baton:stage", listener)).to.equal(false);
  });

  it("publishes on the same channels from a second copy of the package", async () => {
    const copy = (await import(`${new URL("../lib/telemetry.js", import.meta.url).href}?copy`)) as {
      Telemetry: typeof Telemetry;
    };
    const heard: unknown[] = [];
    const listener = (event: unknown): unknown => heard.push(event);
    subscribe("pg-baton:prune", listener);
    new Telemetry("first").emit("prune", { jobs: 1 });
    new copy.Telemetry("second").emit("prune", { jobs: 2 });
    expect(unsubscribe("pg-baton:prune", listener)).to.equal(true);
    expect(heard).to.deep.equal([
      { instance: "first", jobs: 1 },
      { instance: "second", jobs: 2 },
    ]);
  });

  for (const [order, first, second] of [
    ["after", "earlier()", "await import(url)"],
    ["before", "await import(url)", "earlier()"],
  ] as const) {
    it(`loads ${order} an earlier release in the same process, which marks no channel`, async () => {
      const url = JSON.stringify(new URL("../lib/telemetry.js", import.meta.url).href);
      const script = `
        import { channel } from "node:diagnostics_channel";
        const url = ${url};
        const value = () => {};
        const held = channel("pg-baton:stage");
        const earlier = () => Object.defineProperties(held, { subscribe: { value }, unsubscribe: { value } });
        ${first};
        ${second};`;
      await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script]);
    });
  }
});

import { expect } from "chai";
import { pack } from "../../lib/engine/packed.js";

describe("bytes of many answers as one parameter", () => {
  it("lie one after another, each with its place", () => {
    const many = [Buffer.from("ab"), null, new Uint8Array([99]), Buffer.alloc(0), Buffer.from("def")];
    const { starts, sizes, all } = pack(many);
    expect(all.toString()).to.equal("abcdef");
    expect(starts.map((start, at) => all.toString("utf8", start - 1, start - 1 + (sizes[at] ?? 0)))).to.deep.equal([
      "ab",
      "",
      "c",
      "",
      "def",
    ]);
  });

  it("are not copied if only one answer has any", () => {
    const whole = new Uint8Array(1_000).fill(7);
    const { starts, sizes, all } = pack([null, whole.subarray(100, 300)]);
    expect(all.buffer).to.equal(whole.buffer);
    expect(all.byteOffset).to.equal(100);
    expect([starts, sizes, all.length]).to.deep.equal([[1, 1], [0, 200], 200]);
  });

  it("are empty if no answer has any", () => {
    expect(pack([null])).to.deep.equal({ starts: [1], sizes: [0], all: Buffer.alloc(0) });
  });
});

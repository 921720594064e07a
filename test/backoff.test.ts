import { expect } from "chai";
import { retryDelay } from "../lib/backoff.js";

describe("the backoff", () => {
  it("waits 25 to 500 ms, doubling, with jitter", () => {
    for (let failures = 1; failures < 50; failures += 1) {
      const most = Math.min(500, 25 * 2 ** (failures - 1));
      expect(retryDelay(failures)).to.be.within(most / 2, most);
    }
  });
});

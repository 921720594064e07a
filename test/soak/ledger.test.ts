import { expect } from "chai";
import { type Entry, type Mishaps, unexplained } from "./ledger.js";

const HOST = 1;
const QUIET: Mishaps = { killed: new Map(), stopped: new Map(), frozen: [], crashed: [], stalled: [], cut: [] };

/** A run on a host, from and to in seconds. */
function run(startedAt: number, endedAt: number | null, failed = false): Entry {
  const ms = (seconds: number): number => seconds * 1_000;
  return { job: 7, attempt: 1, pid: HOST, ppid: 0, startedAt: ms(startedAt), endedAt: endedAt && ms(endedAt), failed };
}

const at = (seconds: number) => new Map([[HOST, seconds * 1_000]]);
const during = (from: number, until: number) => [{ from: from * 1_000, until: until * 1_000 }];

describe("a second run of a job in the soak's ledger", () => {
  const cases: [what: string, first: Entry, mishaps: Partial<Mishaps>, explained: boolean][] = [
    ["is what nothing explains", run(10, 11), {}, false],
    ["follows a failure", run(10, 11, true), {}, true],
    ["follows the death of the host that ran it", run(10, null), { killed: at(12) }, true],
    ["follows the death of a host just after its end", run(10, 11), { killed: at(12) }, true],
    ["does not follow one long after its end", run(10, 11), { killed: at(20) }, false],
    ["follows one while the database stalled", run(10, 11), { killed: at(20), stalled: during(9, 25) }, true],
    ["follows one just after that", run(10, 11), { killed: at(26), stalled: during(9, 25) }, true],
    ["does not follow one long after that", run(10, 11), { killed: at(40), stalled: during(9, 25) }, false],
    ["does not follow from a stall alone", run(10, 11), { stalled: during(9, 25) }, false],
    ["does not follow a host's stop", run(10, 11), { stopped: at(12) }, false],
    ["follows a stop while the database stalled", run(10, 11), { stopped: at(20), stalled: during(9, 25) }, true],
    ["does not follow one that a stop interrupted", run(10, null), { stopped: at(20), stalled: during(9, 25) }, false],
    ["follows a crash of the database at its start", run(10, 11), { crashed: during(11, 12) }, true],
    ["does not follow an earlier crash", run(20, 21), { crashed: during(11, 12) }, false],
    ["does not follow from cut connections", run(10, 11), { cut: [10_500] }, false],
  ];
  for (const [what, first, mishaps, explained] of cases) {
    it(what, () => {
      const found = unexplained([first, run(50, 51)], { ...QUIET, ...mishaps });
      expect(found).to.have.length(explained ? 0 : 1);
    });
  }
});

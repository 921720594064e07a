import { expect } from "chai";
import type { Round } from "../../bench/support/measure.js";
import type { Line } from "../../bench/support/question.js";
import { jsonReport, rowsOf } from "../../bench/support/report.js";
import { textReport } from "../../bench/support/markdown.js";
import { measured, report } from "./measured.js";

const RATIO: Line = {
  label: "p50",
  unit: "ms",
  of: ["baton", "p50"],
  against: ["by hand", "p50"],
  target: { on: "ratio", atMost: 2 },
};
const RATE: Line = { label: "jobs", unit: "/s", of: ["baton", "jobs"], target: { on: "figure", atLeast: 5_000 } };

describe("the bench's report", () => {
  it("takes the median of the rounds' ratios, not the ratio of the medians", () => {
    const [row] = rowsOf(measured([RATIO]));
    expect(row?.figure).to.deep.equal({ median: 4, min: 3, max: 12 });
    expect(row?.floor).to.deep.equal({ median: 2, min: 2, max: 4 });
    expect(row?.ratio).to.deep.equal({ median: 2, min: 1.5, max: 3 });
  });

  it("compares the median with the target, which is met when they are equal", () => {
    expect(rowsOf(measured([RATIO]))[0]?.met).to.equal(true);
    const stricter = { ...RATIO, target: { on: "ratio" as const, atMost: 1.9 } };
    expect(rowsOf(measured([stricter]))[0]?.met).to.equal(false);
    expect(rowsOf(measured([RATE]))[0]?.met).to.equal(false);
  });

  it("judges no line without a target", () => {
    const [row] = rowsOf(measured([{ label: "p50", unit: "ms", of: ["baton", "p50"] }]));
    expect(row).to.include({ floor: null, ratio: null, target: null, met: null });
  });

  it("counts a target as missed if its figure is absent", () => {
    const [row] = rowsOf(measured([{ ...RATE, of: ["baton", "nothing"] }]));
    expect(row?.met).to.equal(false);
  });

  it("prints aligned Markdown tables that say met, or by how much a target was missed", () => {
    const lines = textReport(report(measured([RATIO, RATE]))).split("\n");
    const [head, p50, jobs] = ["target", "| p50 ", "| jobs "].map((text) => lines.find((line) => line.includes(text)));
    const cellsOf = (line = "") => line.split("|").map((cell) => cell.trim());
    expect(cellsOf(p50).join(" ").trim()).to.equal("p50 4 ms 3-12 2 ms 2.00x 1.50-3 <= 2x met");
    expect(cellsOf(jobs).filter(Boolean).join(" ")).to.equal("jobs 4,500 /s 4,000-6,000 >= 5,000 /s missed by 500");
    const column = (head?.indexOf("target") ?? 0) + "target".length;
    expect(p50?.slice(0, column)).to.match(/<= 2x$/);
    expect(jobs?.slice(0, column)).to.match(/>= 5,000 \/s$/);
  });

  it("prints the raw figures of every round as JSON", () => {
    const { questions, environment } = JSON.parse(jsonReport(report(measured([RATIO]))));
    expect(environment.node).to.equal("v20.19.0");
    expect(questions[0].rounds.map(({ figures }: Round) => figures["baton"]?.["p50"])).to.deep.equal([3, 12, 4]);
    expect(questions[0].rows[0].ratio.median).to.equal(2);
  });

  it("reports rounds during which other programs had the machine", () => {
    const quiet = measured([RATIO]);
    expect(textReport(report(quiet)))
      .to.contain("0 rounds discarded")
      .and.not.to.contain("! ");
    const repeated = { ...quiet, discarded: quiet.rounds.slice(0, 2) };
    expect(textReport(report(repeated)))
      .to.contain("! 2 rounds discarded")
      .and.not.to.contain("DISTURBED");
    const noisy = { ...quiet, disturbed: 1, slowdown: 1.3 };
    expect(textReport(report(noisy))).to.contain(
      "! DISTURBED: 1 of the 3 rounds that count, the same computation took up to 30 % longer",
    );
  });
});

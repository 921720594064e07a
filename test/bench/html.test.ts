import { expect } from "chai";
import { htmlReport } from "../../bench/support/page.js";
import type { Line, Question } from "../../bench/support/question.js";
import { measured, report } from "./measured.js";

const RATIO: Line = {
  label: "p50",
  unit: "ms",
  of: ["baton", "p50"],
  against: ["by hand", "p50"],
  target: { on: "ratio", atMost: 1.5 },
};
const RATE: Line = { label: "jobs", unit: "/s", of: ["baton", "jobs"], target: { on: "figure", atLeast: 4_000 } };

const DRAWN: Partial<Question> = {
  distributions: [{ x: "one await, ms", of: [["baton", "await"]] }],
  curves: {
    axes: { x: "in flight", y: "results/s", xScale: "log", yScale: "linear" },
    of: [
      {
        label: "baton",
        points: [
          { x: 100, of: ["baton", "jobs"] },
          { x: 10, of: ["baton", "p50"] },
        ],
      },
      { label: "by hand", points: [{ x: 10, of: ["by hand", "p50"] }] },
    ],
  },
};

/** Returns the tags that are not closed, or not in order. */
function unbalanced(page: string): string[] {
  const open: string[] = [];
  const wrong: string[] = [];
  for (const [, close, name = "", self] of page.matchAll(/<(\/?)([a-z][a-z0-9]*)(?:\s+[\w:-]+="[^"<]*")*\s*(\/?)>/g)) {
    if (close !== "/" && self !== "/") open.push(name);
    else if (close === "/" && open.pop() !== name) wrong.push(name);
  }
  return [...wrong, ...open];
}

function count(page: string, text: string): number {
  return page.split(text).length - 1;
}

describe("the bench's page", () => {
  it("needs nothing from elsewhere, and closes every tag", () => {
    const page = htmlReport(report(measured([RATIO, RATE], DRAWN)));
    expect(page).to.match(/^<!DOCTYPE html>\n<html lang="en">/);
    expect(page).not.to.match(/<script|<link|<img|src=|url\(|@import/);
    expect(unbalanced(page)).to.deep.equal([]);
  });

  it("says how many targets were met, and by how much the others were missed", () => {
    const page = htmlReport(report(measured([RATIO, RATE])));
    expect(page).to.contain("1 of 2 targets met.");
    expect(page).to.contain('<td class="missed">missed by 0.50</td>').and.to.contain('<td class="met">met</td>');
  });

  it("draws ratios, distributions, and all curves in one plot, each with a description in words", () => {
    const page = htmlReport(report(measured([RATIO, RATE], DRAWN)));
    expect(count(page, "<svg ")).to.equal(3);
    expect(count(page, 'xmlns="http://www.w3.org/2000/svg"')).to.equal(3);
    expect(count(page, '<svg role="img"')).to.equal(3);
    expect(page).to.contain("await, p50: 2.00x");
    expect(page).to.contain("baton: p50 4, p99 12.9");
    expect(page).to.contain("baton: 10: 4, 100: 4,500; by hand: 10: 2");
  });

  it("gives every id once", () => {
    const page = htmlReport(report(measured([RATIO], DRAWN), measured([RATIO], DRAWN)));
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).to.equal(ids.length);
  });

  it("escapes text", () => {
    const page = htmlReport(report(measured([RATIO], { title: '<b>"a" & b</b>', about: "\u0000 <i>" })));
    expect(page).to.contain("&lt;b&gt;&quot;a&quot; &amp; b&lt;/b&gt;").and.to.contain(" &lt;i&gt;");
    expect(unbalanced(page)).to.deep.equal([]);
  });

  it("shows a question without rounds", () => {
    const nothing = { ...measured([{ ...RATIO, of: ["baton", "nothing"] }], DRAWN), rounds: [] };
    const page = htmlReport(report(nothing));
    expect(page)
      .to.contain("0 of 1 targets met.")
      .and.not.to.match(/NaN|Infinity|undefined/);
    expect(unbalanced(page)).to.deep.equal([]);
  });
});

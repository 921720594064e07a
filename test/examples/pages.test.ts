import { posix } from "node:path";
import { expect } from "chai";
import * as errors from "../../lib/errors.js";
import { anchorsOf, blocksOf, excerpt, exists, filesOf, PAGES, read } from "./page.js";

/** Languages of code blocks, which must be excerpts of examples. */
const CODE = new Set(["js", "ts", "sql", "yaml"]);

describe("the documentation", () => {
  for (const page of PAGES) {
    describe(page, () => {
      it("shows code that equals its example", () => {
        for (const { language, text, source } of blocksOf(page)) {
          if (!CODE.has(language)) continue;
          expect(source, `a marker such as <!-- examples/host.ts#host --> above:\n${text}`).to.be.a("string");
          expect(text, `${page} and ${source}`).to.equal(excerpt(source ?? ""));
        }
      });

      it("has an example that a test runs", () => {
        const shown = blocksOf(page).flatMap(({ source }) => source?.split("#")[0] ?? []);
        expect(shown).to.not.deep.equal([]);
        for (const path of shown) expect(isRun(path), path).to.equal(true);
      });

      it("links to files and headings that exist", () => {
        for (const [, target = ""] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
          if (target.startsWith("https://")) continue;
          const [file = "", anchor] = target.split("#");
          const path = file === "" ? page : posix.join(posix.dirname(page), file);
          expect(exists(path), `${page} links to ${target}`).to.equal(true);
          if (anchor !== undefined) expect(anchorsOf(path), `${page} links to ${target}`).to.include(anchor);
        }
      });

      it("has prose of at most 100 columns", () => {
        const prose = read(page).replaceAll(/```[\s\S]*?\n```|<!-- figures[\s\S]*<!-- \/figures -->/g, "");
        expect(prose.split("\n").filter((line) => line.length > 100 && !line.startsWith("|"))).to.deep.equal([]);
      });
    });
  }

  it("has each error with its code, and no other", () => {
    const source = ["lib/errors.ts", ...filesOf("lib/errors")].map(read).join("\n");
    const codes = new Set(source.match(/\bERR_BATON_[A-Z_]+\b/g));
    const documented = [...read("docs/errors.md").matchAll(/^### `(ERR_BATON_[A-Z_]+)`$/gm)].map(([, code]) => code);
    expect(documented).to.have.members([...codes]);
    for (const name of Object.keys(errors)) expect(read("docs/errors.md")).to.include(`\`${name}\``);
  });

  it("has a remedy for each error", () => {
    for (const section of read("docs/errors.md").split(/^### /m).slice(1)) expect(section).to.include("*Remedy:*");
  });

  it("has each event of telemetry, and no other", () => {
    const [, list = ""] = /const EVENTS[^{]*\{([^}]*)\}/.exec(read("lib/telemetry.ts")) ?? [];
    const events = [...list.matchAll(/^ *"?([\w:]+)"?: true/gm)].map(([, event]) => event);
    const [, table = ""] = /## Telemetry\n([\s\S]*)/.exec(read("docs/hosts-and-deploying.md")) ?? [];
    const rows = [...table.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell = ""]) => cell.match(/[\w:]+/g));
    expect(events).to.not.deep.equal([]);
    expect(rows).to.have.members(events);
  });

  it("cites tests that exist for promises and faults", () => {
    const cells = read("docs/reliability.md").match(/`[a-z]+\/[a-z/-]+`/g) ?? [];
    expect(cells.length).to.be.above(30);
    for (const cell of cells) expect(exists(`test/${cell.slice(1, -1)}.test.ts`), cell).to.equal(true);
  });

  it("numbers the rules of semantics as their tests do", () => {
    const rules = [...read("docs/semantics.md").matchAll(/^(\d+)\. \*\*/gm)].map(([, rule]) => Number(rule));
    expect(rules).to.deep.equal(Array.from({ length: 13 }, (_, at) => at + 1));
    const tests = filesOf("test/system/semantics").map(read).join("\n");
    const cited = [...tests.matchAll(/\bit\("(\d+)\./g)].map(([, rule]) => Number(rule));
    expect(cited).to.not.deep.equal([]);
    expect(rules).to.include.members(cited);
  });
});

/** Whether a test of this folder runs an example, or another example imports it. */
function isRun(path: string): boolean {
  const name = posix.basename(path).replace(/\.ts$/, ".js");
  const users = [...filesOf("test/examples"), ...filesOf("examples"), ...filesOf("examples/first")];
  return users.filter((user) => /\.[jt]s$/.test(user)).some((user) => user !== path && read(user).includes(name));
}

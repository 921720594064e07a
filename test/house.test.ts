import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect } from "chai";
import { BATON_OPTIONS } from "../lib/options.js";
import { sources } from "./support/sources.js";
import { wideComments, wideProse } from "./support/width.js";
import { VERSION } from "../lib/version.js";

const root = new URL("../../", import.meta.url);

function read(path: string): string {
  return readFileSync(new URL(path, root), "utf8");
}

describe("the house", () => {
  it("has the version of its package.json", () => {
    expect(VERSION).to.equal(
      (createRequire(import.meta.url)(new URL("package.json", root).pathname) as { version: string }).version,
    );
  });

  it("hands on names one by one, never `export *`", () => {
    const offenders = sources(root, ["lib", "workers"]).filter((path) => /^export \*/m.test(read(path)));
    expect(offenders).to.deep.equal([]);
  });

  it("documents every option of the code, and no other", () => {
    const table = /## Options of `new Baton`\n([\s\S]*?)\n## /.exec(read("docs/options.md"))?.[1] ?? "";
    const documented = [...table.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name);
    expect(documented).to.have.members(BATON_OPTIONS);
  });

  it("keeps comments within 100 columns", () => {
    const wide = sources(root, ["lib", "workers", "bench", "examples", "test"]).flatMap((path) =>
      wideComments(read(path)).map((line) => `${path}:${line}`),
    );
    expect(wide.join("\n")).to.equal("");
  });

  it("keeps the paragraphs of its documents within 100 columns", () => {
    const documents = ["", "docs/"].flatMap((folder) =>
      readdirSync(new URL(`./${folder}`, root), "utf8").flatMap((name) =>
        name.endsWith(".md") ? [folder + name] : [],
      ),
    );
    const wide = documents.flatMap((path) => wideProse(read(path)).map((line) => `${path}:${line}`));
    expect(documents).to.include.members(["README.md", "CHANGELOG.md", "docs/architecture.md"]);
    expect(wide.join("\n")).to.equal("");
  });

  it("measures comments and prose, and neither code nor links", () => {
    const words = "word ".repeat(25).trim();
    const link = `https://example.org/${"x".repeat(100)}`;
    const source = [
      `// ${words}`,
      `/** ${words} */`,
      `f("${words}");`,
      "/**",
      ` * ${words}`,
      " */",
      `g(); // ${words}`,
    ];
    const links = [`// ${link}`, `// see ${link}`, `// ${link} ${words}`];
    expect(wideComments([...source, ...links].join("\n"))).to.deep.equal([1, 2, 5, 10]);
    const text = [words, "```", words, "```", `| ${words} |`, `- ${words}`, `[a link](${link})`];
    expect(wideProse(text.join("\n"))).to.deep.equal([1, 6]);
  });

  it("advises to raise only what there is", () => {
    const known = new Set<string>([...BATON_OPTIONS, "max-old-space-size", "it"]);
    const advised = sources(root, ["lib"]).flatMap((path) =>
      [...read(path).matchAll(/^(?! *(?:\*|\/[/*])).*\braise (?:the )?(?:--)?([\w-]+)/gm)].map(
        ([, what]) => `${path}: ${what}`,
      ),
    );
    expect(advised).to.not.deep.equal([]);
    expect(advised.filter((line) => !known.has(line.split(": ")[1] ?? ""))).to.deep.equal([]);
  });
});

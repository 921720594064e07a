/** Light and dark colours by name. Those of the series differ in lightness too. */
const COLOURS: Readonly<Record<string, readonly [light: string, dark: string]>> = {
  ink: ["#1c2430", "#e4e9f0"],
  soft: ["#5b6675", "#98a3b3"],
  line: ["#dfe4ea", "#2b3440"],
  paper: ["#ffffff", "#12171e"],
  sheet: ["#f5f7f9", "#1a212a"],
  met: ["#1f7a4d", "#5cc48d"],
  missed: ["#b4541a", "#e8925a"],
  s0: ["#2458c5", "#6f9dff"],
  s1: ["#8a919c", "#858f9d"],
  s2: ["#c07a12", "#e0a84a"],
  s3: ["#1d8a8a", "#4fc1c1"],
  s4: ["#9a3f8f", "#d186c8"],
  s5: ["#4d5561", "#bcc5d1"],
};

/** Replaces variables by light colours, for a picture without a style sheet. */
export function withLightColours(svg: string): string {
  return svg.replaceAll(/var\(--(\w+)\)/g, (_, name: string) => COLOURS[name]?.[0] ?? "");
}

function variables(theme: 0 | 1): string {
  return Object.entries(COLOURS)
    .map(([name, colour]) => `--${name}: ${colour[theme]};`)
    .join(" ");
}

/** The page's style, light or dark as the reader's system is. */
export const STYLE = `
:root { color-scheme: light dark; ${variables(0)} }
@media (prefers-color-scheme: dark) { :root { ${variables(1)} } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 940px; padding: 40px 24px 80px; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; }
h1 { font-size: 26px; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 19px; margin: 56px 0 4px; padding-top: 16px; border-top: 1px solid var(--line); }
h2 code { float: right; color: var(--soft); font: 13px system-ui, sans-serif; }
p { margin: 4px 0 12px; }
a { color: inherit; text-decoration-color: var(--line); text-underline-offset: 3px; }
header p { font-size: 18px; margin: 12px 0; }
header ul { margin: 0; padding: 12px 16px; list-style: none; background: var(--sheet);
  border-radius: 8px; font-size: 13px; }
.soft, header ul, summary { color: var(--soft); }
.disturbed { border-left: 3px solid var(--missed); padding-left: 10px; color: var(--missed); }
figure { margin: 16px 0; overflow-x: auto; }
summary { cursor: pointer; font-size: 13px; padding: 4px 0; }
section { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: 12px 0; font-size: 14px; }
th, td { padding: 5px 0 5px 16px; text-align: right; white-space: nowrap; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 500; font-size: 13px; border-bottom-color: var(--ink); }
th:first-child, td:first-child { padding-left: 0; }
.words { text-align: left; white-space: normal; }
.met { color: var(--met); }
.missed { color: var(--missed); font-weight: 600; }
svg { display: block; width: 100%; min-width: 700px; height: auto; font-variant-numeric: tabular-nums; }
@media print { body { max-width: none; padding: 0; } section { break-inside: avoid; } }
`;

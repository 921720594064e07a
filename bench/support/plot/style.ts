/**
 * How the page looks: no font, picture or script from elsewhere, light or dark as the reader has it. Colours of the series
 * differ in lightness too, and met and missed are also said in words.
 */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #dfe4ea; --paper: #ffffff; --sheet: #f5f7f9;
  --met: #1f7a4d; --missed: #b4541a; --s0: #2458c5; --s1: #8a919c; --s2: #c07a12; --s3: #1d8a8a; --s4: #9a3f8f; --s5: #4d5561; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9f0; --soft: #98a3b3; --line: #2b3440; --paper: #12171e; --sheet: #1a212a;
  --met: #5cc48d; --missed: #e8925a; --s0: #6f9dff; --s1: #858f9d; --s2: #e0a84a; --s3: #4fc1c1; --s4: #d186c8; --s5: #bcc5d1; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 940px; padding: 40px 24px 80px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; font-variant-numeric: tabular-nums; }
h1 { font-size: 26px; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 19px; margin: 56px 0 4px; padding-top: 16px; border-top: 1px solid var(--line); }
h3 { font-size: 15px; margin: 24px 0 0; }
p { margin: 4px 0 12px; }
a { color: inherit; text-decoration-color: var(--line); text-underline-offset: 3px; }
.verdict-line { font-size: 18px; margin: 12px 0; }
.soft, .facts, figcaption, summary { color: var(--soft); }
.facts { margin: 0; padding: 12px 16px; list-style: none; background: var(--sheet); border-radius: 8px; font-size: 13px; }
.scope { float: right; color: var(--soft); font-size: 13px; font-weight: normal; }
.disturbed { border-left: 3px solid var(--missed); padding-left: 10px; color: var(--missed); }
figure { margin: 16px 0; }
.wide { overflow-x: auto; }
figcaption { font-size: 13px; margin-top: 4px; }
summary { cursor: pointer; font-size: 13px; padding: 4px 0; }
table { border-collapse: collapse; width: 100%; margin: 12px 0; font-size: 14px; }
th { color: var(--soft); font-weight: 500; font-size: 13px; text-align: right; }
thead th { border-bottom: 1px solid var(--ink); }
td, tbody th { border-bottom: 1px solid var(--line); }
th, td { padding: 5px 0 5px 16px; text-align: right; white-space: nowrap; vertical-align: top; }
th:first-child, td:first-child { padding-left: 0; }
.words { text-align: left; white-space: normal; color: var(--ink); font-weight: normal; font-size: 14px; }
thead .words { color: var(--soft); font-size: 13px; font-weight: 500; }
td.met, .met .verdict { color: var(--met); fill: var(--met); }
td.missed, .missed .verdict { color: var(--missed); fill: var(--missed); font-weight: 600; }
svg { display: block; width: 100%; min-width: 700px; height: auto; font: 13px system-ui, "Segoe UI", Roboto, sans-serif; }
svg text { fill: var(--ink); font-variant-numeric: tabular-nums; }
svg .tick, svg .axis { fill: var(--soft); font-size: 12px; }
svg .heading { font-weight: 600; }
svg .verdict { font-size: 12px; }
.grid { stroke: var(--line); stroke-width: 1; }
.base, .one { stroke: var(--soft); stroke-width: 1; }
.row .bar { fill: var(--s1); opacity: 0.35; } .row .median { fill: var(--s1); } .row .whisker { stroke: var(--s1); stroke-width: 1.5; }
.met .bar { fill: var(--met); } .met .median { fill: var(--met); } .met .whisker { stroke: var(--met); }
.missed .bar { fill: var(--missed); } .missed .median { fill: var(--missed); } .missed .whisker { stroke: var(--missed); }
.aim { stroke: var(--ink); stroke-width: 2.5; }
.series { --c: var(--s5); }
${[0, 1, 2, 3, 4].map((at) => `.s${at} { --c: var(--s${at}); }`).join(" ")}
.hill { fill: var(--c); opacity: 0.4; }
.p50, .p99 { stroke: var(--c); stroke-width: 2; } .p99 { stroke-dasharray: 4 3; }
.curve { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; }
.dot { fill: var(--paper); stroke: var(--c); stroke-width: 2; }
.series .whisker { stroke: var(--c); stroke-width: 1.5; opacity: 0.6; }
@media print { body { max-width: none; padding: 0; } section { break-inside: avoid; } }
`;

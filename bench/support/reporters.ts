import type { Reporter } from "./arguments.js";
import { textReport } from "./markdown.js";
import { htmlReport } from "./page.js";
import { jsonReport, type Report } from "./report.js";

export const REPORT: Readonly<Record<Reporter, (report: Report) => string>> = {
  text: textReport,
  json: jsonReport,
  html: htmlReport,
};

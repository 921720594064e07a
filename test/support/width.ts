/** The columns that a line of a comment or of prose may take, indentation included. */
const COLUMNS = 100;

/** Instructions to tools, which cannot be wrapped. */
const DIRECTIVE = /\/[/*] ?(?:oxlint-|@ts-|biome-|c8 )/;

/**
 * Lists the comment lines of TypeScript, and of SQL in it, that are too wide, as numbers from 1. A
 * comment behind code counts as code.
 */
export function wideComments(source: string): number[] {
  let inBlock = false;
  return linesOf(source).flatMap((line, index) => {
    const isComment = inBlock || /^\s*(?:\/\/|\/\*|-- )/.test(line);
    if (/^\s*\/\*/.test(line)) inBlock = true;
    if (line.includes("*/")) inBlock = false;
    return isComment && !DIRECTIVE.test(line) && isWide(line) ? [index + 1] : [];
  });
}

/** Lists the lines of Markdown that are too wide, outside code blocks, tables and HTML. */
export function wideProse(markdown: string): number[] {
  let inCode = false;
  return linesOf(markdown).flatMap((line, index) => {
    const isFence = /^\s*(?:```|~~~)/.test(line);
    if (isFence) inCode = !inCode;
    const isProse = !inCode && !isFence && !/^\s*[|<]/.test(line);
    return isProse && isWide(line) ? [index + 1] : [];
  });
}

/** A link at the end of a line may stand out, because it cannot be broken. */
function isWide(line: string): boolean {
  if (line.length <= COLUMNS) return false;
  const last = /\S*$/.exec(line)?.index ?? 0;
  return last > COLUMNS || !/:\/\/|\]\(|\]:/.test(line.slice(last));
}

function linesOf(text: string): string[] {
  return text.split("\n").map((line) => line.trimEnd());
}

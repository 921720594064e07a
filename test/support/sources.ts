import { readdirSync } from "node:fs";

/** The TypeScript sources in these folders, as paths from the root. */
export function sources(root: URL, folders: readonly string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" })
      .filter((path) => /\.c?ts$/.test(path) && !path.includes("node_modules"))
      .map((path) => `${folder}/${path}`),
  );
}

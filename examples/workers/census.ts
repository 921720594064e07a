// #region worker
import { defineWorker, type Job } from "../../lib/worker.js";
import { TextTooLongError } from "../text-too-long-error.js";

export default defineWorker(import.meta.url, {
  name: "census",
  resultLimit: 1_000_000, // bytes after compression; callers need no setting
  perform: ({ args: { text, most } }: Job<{ text: string; most: number }>) => {
    if (text.length > most) throw new TextTooLongError(text.length, most);
    const words = new Map<string, number>();
    for (const word of text.split(/\s+/)) words.set(word, (words.get(word) ?? 0) + 1);
    return { words, letters: Uint32Array.of(text.length), at: new Date() };
  },
});
// #endregion

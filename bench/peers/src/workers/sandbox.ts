import { burn } from "./jobs.js";

/** The entry of BullMQ's threads. */
// oxlint-disable-next-line import/no-default-export
export default async function sandbox({ data }: { data: { rounds: number } }): Promise<string> {
  return burn(data);
}

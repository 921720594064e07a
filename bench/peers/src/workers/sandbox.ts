import { burn } from "./jobs.js";

/** What BullMQ's threads run. */
// oxlint-disable-next-line import/no-default-export
export default async function sandbox({ data }: { data: { rounds: number } }): Promise<string> {
  return burn(data);
}

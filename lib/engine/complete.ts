import { stateNumber } from "../job/job.js";
import type { Transition } from "../job/transition.js";
import { answerHead } from "./answers.js";
import { type ClaimKey, fenced, inLockOrder, KEY_COLUMNS } from "./claim-key.js";
import { ATTEMPT, expiry, relaxed, tablesOf, tell, wake, withError } from "./fragments.js";
import { pack } from "./packed.js";
import { arrayOf, Columns, operation } from "./parameters.js";

/** The end of one attempt, to be written. */
export interface Ack extends ClaimKey {
  readonly transition: Transition;
  /** Whether the job was awaited when it was claimed. */
  readonly awaited: boolean;
}

/** Whether completions wait for the disk: `relaxed` ones do not. */
export type Durability = "full" | "relaxed";

const INPUT = new Columns<Ack>([
  ...KEY_COLUMNS,
  ["state", "smallint", ({ transition }) => stateNumber(transition.state)],
  ["delay", "pg_catalog.float8", ({ transition }) => transition.delay],
  ["counted", "boolean", ({ transition }) => transition.counted],
  ["error", "pg_catalog.text", ({ transition }) => transition.error],
  ["head", "pg_catalog.text", ({ transition: { answer } }) => (answer === null ? null : answerHead(answer))],
]);
/** The columns that identify an earlier try. */
const WRITTEN = INPUT.pick("id", "claim", "head");

const ONE = INPUT.followedBy("bytes", "host", "notify");
/** Bytes of many answers are one parameter: `starts` and `sizes` say where each lies. */
const MANY = INPUT.followedBy("bytes", "starts", "sizes", "host", "notify");
const EARLIER = WRITTEN.followedBy("bytes", "starts", "sizes", "host");

type Packing = Readonly<Record<"starts" | "sizes" | "bytes", string>>;

/** The bytes of many answers and their places. */
function packed(acks: readonly Ack[]) {
  const { starts, sizes, all } = pack(acks.map(({ transition }) => transition.answer?.bytes ?? null));
  return { starts: arrayOf(starts), sizes: arrayOf(sizes), bytes: all };
}

/** Selects acks, each with the place of its bytes. */
function unpacked(input: Columns<Ack>, { starts, sizes }: Packing): string {
  return input.many({ start: `${starts}::int[]`, size: `${sizes}::int[]` });
}

/** The bytes of ack `i`. */
function bytesOf({ bytes }: Packing): string {
  return `substring(${bytes}::pg_catalog.bytea from i.start for i.size)`;
}

/**
 * The statements that end attempts: update the row and notify the awaiting hosts, in one commit. A
 * row that the host does not hold under this claim is left alone, and is absent from the result.
 *
 * @param retention ms that a finished row is kept.
 */
export function complete(prefix: string, durability: Durability, retention: number) {
  const { jobs } = tablesOf(prefix);

  /** A transition without an answer releases the job: the last answer stays. */
  const completeFrom = (input: string, bytes: string, { host, notify }: Record<"host" | "notify", string>): string => `
    update ${jobs} j set state = i.state, attempt = ${ATTEMPT} - (not i.counted)::int,
      attempted_at = coalesce(j.attempted_at, case when i.head is not null then pg_catalog.now() end),
      scheduled_at = case when i.state in (0, 3) then pg_catalog.now() + i.delay * interval '1 ms'
        else j.scheduled_at end,
      finished_at = case when i.state >= 4 then pg_catalog.now() end,
      expires_at = case when i.state >= 4 then ${expiry("pg_catalog.now()", retention)} end,
      errors = ${withError("i.error")},
      interruptions = case when i.head is null then j.interruptions else 0 end,
      result = case when i.head is null then j.result else i.head::pg_catalog.bytea || ${bytes} end
    from (${input}) i
    where ${durability === "full" ? "" : `${relaxed()} and `}${fenced(host)}
    returning j.id, j.claim, ${wake(prefix, notify)}, ${tell(prefix, { host, head: "i.head", bytes, notify })}`;

  return {
    completeOne: operation(
      "complete_one",
      completeFrom(INPUT.one, `${ONE.$.bytes}::pg_catalog.bytea`, ONE.$),
      (ack: Ack, host: string) => {
        const bytes = ack.transition.answer?.bytes ?? null;
        const buffer = bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
        return ONE.values({ bytes: buffer, host }, INPUT.valuesOf(ack));
      },
    ),

    completeMany: operation(
      "complete_many",
      completeFrom(unpacked(INPUT, MANY.$), bytesOf(MANY.$), MANY.$),
      (acks: readonly Ack[], host: string) => {
        const sorted = inLockOrder(acks);
        return MANY.values({ ...packed(sorted), host }, INPUT.arraysOf(sorted));
      },
    ),

    /** Finds acks that an earlier try wrote: its reply was lost, and the retry was refused. */
    written: operation(
      "written",
      `select j.id, j.claim from ${jobs} j, (${unpacked(WRITTEN, EARLIER.$)}) i
      where j.id = i.id and j.attempted_by = ${EARLIER.$.host} and j.claim = i.claim and j.state + 0 <> 2
        and (i.head is null or j.result = i.head::pg_catalog.bytea || ${bytesOf(EARLIER.$)})`,
      (acks: readonly Ack[], host: string) => EARLIER.values({ ...packed(acks), host }, WRITTEN.arraysOf(acks)),
    ),

    /** Writes nothing, but waits for every lock that would block a write. */
    writable: operation("writable", `update ${jobs} set claim = claim where false`, () => []),
  };
}

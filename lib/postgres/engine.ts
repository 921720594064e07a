import type { Answer, AnswerSource, StoredAnswer } from "../job/answer.js";
import { type ClaimedJob, type JobState, stateNumber } from "../job/job.js";
import type { Transition } from "../job/transition.js";
import type { Database, Statement } from "./database.js";
import { sqlState } from "./failure.js";
import {
  arrayOf,
  type ClaimedRow,
  claimedOf,
  columnsOf,
  type InsertRow,
  insertValues,
  Pieces,
  piecesOf,
  type StoredRow,
  stateOf,
  toClaimed,
  toStored,
  uuidOf,
} from "./rows.js";
import { type Statements, statements } from "./statements.js";

/** What became of an insert; `claimed` is there where the row was inserted as executing, now and by this very try. */
export interface Inserted {
  readonly id: number;
  readonly claimed: ClaimedJob | null;
}

/** The end of one attempt, to be written. */
export interface Ack {
  readonly id: number;
  readonly claim: number;
  readonly transition: Transition;
  /** Whether somebody awaited the job when it was claimed. */
  readonly awaited: boolean;
}

/** How many jobs of a queue are in a state. */
export interface QueueCount {
  readonly queue: string;
  readonly state: JobState;
  readonly jobs: number;
}

/** By what a host is judged lost, all in ms. */
export interface Judgement {
  /** How long a sign of life lasts. */
  readonly lease: number;
  /** How long a session's lock must be free without one. */
  readonly grace: number;
  /** The same for a host that has shown no life for `since`. */
  readonly patientGrace: number;
  readonly since: number;
}

/** What there was to look after. */
export interface Tended {
  /** How many jobs have become available whose time had come. */
  readonly staged: number;
  /** Queues with jobs that are available. */
  readonly queues: readonly string[];
  /** Hosts that are gone though jobs may be theirs. */
  readonly lost: readonly string[];
  /** Whether there are hosts that may prove lost at a second look. */
  readonly suspects: boolean;
}

/** How a dead host's jobs fared. */
export interface Rescued {
  readonly jobs: number;
  /** Of these, how many had no attempt left. */
  readonly discarded: number;
  /** The ids of those with which too many hosts have died. */
  readonly quarantined: readonly number[];
}

/** What those are told, and the row's history, whose job is discarded by a rescue. */
export interface Verdict {
  readonly answer: Answer;
  readonly error: string;
}

interface InsertedRow {
  readonly id: number;
  readonly claimed: boolean;
  readonly at: number;
}

/** What fences a write, beside the host. */
interface ClaimKey {
  readonly id: number;
  readonly claim: number;
}

/** The table of jobs as operations. */
export class Engine implements AnswerSource {
  readonly #database: Database;
  readonly #statements: Statements;
  /** The id of the host that asks. */
  readonly host: string;

  /** `durable`: whether completions wait for the disk. */
  constructor(database: Database, prefix: string, host: string, durable = true) {
    this.#database = database;
    this.#statements = statements(prefix, durable);
    this.host = host;
  }

  /** Inserts all or none, in one statement. The same refs again insert nothing and find the rows that are there. */
  async insert(rows: readonly InsertRow[]): Promise<Inserted[]> {
    const [row] = rows;
    const inserted = await (rows.length === 1 && row !== undefined ? this.#insertOne(row) : this.#insertMany(rows));
    if (inserted.length < rows.length) return this.#existing(rows);
    return rows.map((row, index) => {
      const { id, at, claimed } = inserted[index] as InsertedRow;
      return { id, claimed: claimed ? claimedOf(row, id, at) : null };
    });
  }

  /** Takes up to `limit` available jobs of a queue, first by priority, then by time. The first `begin` are begun by it. */
  async claim(queue: string, limit: number, begin = limit): Promise<ClaimedJob[]> {
    const values = [queue, limit, this.host, begin];
    const jobs = (await this.#database.query<ClaimedRow>(this.#statements.claim, values)).map(toClaimed);
    return jobs.sort((a, b) => a.priority - b.priority || a.scheduledAt - b.scheduledAt || a.id - b.id);
  }

  /** All jobs of a queue that this host holds by the table. */
  async held(queue: string): Promise<ClaimedJob[]> {
    return (await this.#database.query<ClaimedRow>(this.#statements.held, [this.host, queue])).map(toClaimed);
  }

  /** Counts the attempts of jobs that this host only held and has begun now; of those that it holds no more, none. */
  async begin(jobs: readonly { readonly id: number; readonly claim: number }[]): Promise<void> {
    const [ids, claims] = [jobs.map(({ id }) => id), jobs.map(({ claim }) => claim)];
    await this.#database.query(this.#statements.begin, [ids, claims, this.host]);
  }

  /**
   * Ends attempts and tells those who await elsewhere. False where the fence refused: this host holds that job no more.
   * `again` where an earlier try may have gone through, its reply lost: what that has written is true then.
   */
  async complete(acks: readonly Ack[], again = false): Promise<boolean[]> {
    const done = await this.#complete(acks);
    if (done.length === acks.length) return acks.map(() => true);
    if (again) done.push(...(await this.#written(acks)));
    const written = new Set(done.map(({ id, claim }) => `${id}/${claim}`));
    return acks.map(({ id, claim }) => written.has(`${id}/${claim}`));
  }

  async fetch(refs: readonly string[], subscribe: boolean): Promise<StoredAnswer[]> {
    const uuids = refs.map(uuidOf);
    if (!subscribe) {
      return (await this.#database.query<StoredRow>(this.#statements.fetch, [uuids])).map(toStored);
    }
    const subscribed = await this.#database.query<StoredRow>(this.#statements.subscribe, [uuids, this.host]);
    const answers = subscribed.map(toStored);
    if (answers.length === refs.length) return answers;
    const found = new Set(answers.map(({ ref }) => ref));
    return [
      ...answers,
      ...(await this.fetch(
        refs.filter((ref) => !found.has(ref)),
        false,
      )),
    ];
  }

  async fetchLarge(refs: readonly string[], progress: () => void = () => {}): Promise<StoredAnswer[]> {
    const pieces = new Pieces();
    await this.#database.copy(this.#statements.large(refs.map(uuidOf)), (row) => {
      pieces.add(row);
      progress();
    });
    return pieces.stored();
  }

  /** Removes up to `limit` rows that ended more than `retention` ms ago. Says how many. */
  async prune(retention: number, limit: number): Promise<number> {
    const [row] = await this.#database.query<{ jobs: number }>(this.#statements.prune, [retention, limit]);
    return row?.jobs ?? 0;
  }

  /** How many jobs wait or run, by queue and state. Counts rows: for people, not for a hot path. */
  async counts(): Promise<QueueCount[]> {
    const rows = await this.#database.query<{ queue: string; state: number; jobs: number }>(
      this.#statements.counts,
      [],
    );
    return rows.map(({ queue, state, jobs }) => ({ queue, state: stateOf(state), jobs }));
  }

  /** Registers this host: only registered hosts claim, and only they are missed when they die. */
  async register(
    name: string,
    queues: Readonly<Record<string, number>>,
    version: string,
    lockKey: string | null,
  ): Promise<void> {
    await this.#database.query(this.#statements.register, [this.host, name, JSON.stringify(queues), version, lockKey]);
  }

  /** Shows that this host lives. False where it was declared lost: its jobs are others' now. */
  async heartbeat(lockKey: string | null): Promise<boolean> {
    return (await this.#database.query(this.#statements.heartbeat, [this.host, lockKey])).length > 0;
  }

  /** Takes this host off the list, and gives back whatever is still its by the table: it runs nothing any more. */
  async unregister(): Promise<void> {
    await this.#notifying(this.#statements.unregister, [this.host]);
  }

  /** Looks after what is due, what waits in these queues, and who is gone; up to `limit` jobs become available. */
  async tend(judgement: Judgement, limit: number, queues: readonly string[]): Promise<Tended> {
    const { lease, grace, since, patientGrace } = judgement;
    const values = [this.host, lease, grace, since, patientGrace, limit, arrayOf(queues)];
    const [row] = await this.#notifying<Tended>(this.#statements.tend, values);
    return row ?? { staged: 0, queues: [], lost: [], suspects: false };
  }

  /**
   * Puts a lost host's jobs back to work. Those that had begun and have no attempt left are discarded as `exhausted`, those
   * with which `crashes` hosts have died, this one counted, as `quarantined`.
   */
  async rescue(host: string, exhausted: Verdict, quarantined: Verdict, crashes: number): Promise<Rescued> {
    const values = [exhausted, quarantined].flatMap(({ answer, error }) => [
      answer.kind + answer.encoding,
      Buffer.from(answer.bytes),
      error,
    ]);
    const [row] = await this.#notifying<Rescued>(this.#statements.rescue, [host, ...values, crashes]);
    return row ?? { jobs: 0, discarded: 0, quarantined: [] };
  }

  /**
   * Runs a statement that notifies. A full notification queue must hold up nothing: it is done again without notifying, and
   * found by the awaiters' sweep and the producers' polls.
   */
  async #notifying<Row extends object>(statement: Statement, values: unknown[]): Promise<Row[]> {
    try {
      return await this.#database.query<Row>(statement, [...values, true]);
    } catch (error) {
      if (sqlState(error) !== PROGRAM_LIMIT_EXCEEDED) throw error;
      return this.#database.query<Row>(statement, [...values, false]);
    }
  }

  #insertOne(row: InsertRow): Promise<InsertedRow[]> {
    return this.#notifying(this.#statements.insertOne, [...insertValues(row), row.claimedBy]);
  }

  #insertMany(rows: readonly InsertRow[]): Promise<InsertedRow[]> {
    const columns = columnsOf(rows.map(insertValues));
    const [workers, queues, args, meta, ...rest] = columns as [string[], string[], string[], string[]];
    const claimed = arrayOf(rows.map(({ claimedBy }) => claimedBy !== null));
    const json = [`[${args.join(",")}]`, `[${meta.join(",")}]`];
    const values = [arrayOf(workers), arrayOf(queues), ...json, ...rest.map(arrayOf), claimed, this.host];
    return this.#notifying(this.#statements.insertMany, values);
  }

  #complete(acks: readonly Ack[]): Promise<ClaimKey[]> {
    const [ack] = acks;
    if (acks.length === 1 && ack !== undefined) {
      const bytes = ack.transition.answer?.bytes ?? null;
      const values = [
        ...completeValues(ack),
        bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
        this.host,
      ];
      return this.#notifying(this.#statements.completeOne, values);
    }
    const { starts, sizes, all } = piecesOf(acks.map(({ transition }) => transition.answer?.bytes ?? null));
    const columns = columnsOf(acks.map(completeValues)).map(arrayOf);
    return this.#notifying(this.#statements.completeMany, [
      ...columns,
      all,
      arrayOf(starts),
      arrayOf(sizes),
      this.host,
    ]);
  }

  /** Of these, those that an earlier try has written. */
  #written(acks: readonly Ack[]): Promise<ClaimKey[]> {
    const { starts, sizes, all } = piecesOf(acks.map(({ transition }) => transition.answer?.bytes ?? null));
    const [ids, claims, , , , , heads] = columnsOf(acks.map(completeValues)).map(arrayOf);
    const values = [ids, claims, heads, arrayOf(starts), arrayOf(sizes), all, this.host];
    return this.#database.query(this.#statements.written, values);
  }

  /** Some of the rows were there before: an earlier try went through. What that had claimed is found by {@link held}. */
  async #existing(rows: readonly InsertRow[]): Promise<Inserted[]> {
    const refs = rows.map(({ ref }) => ref);
    const ids = new Map((await this.fetch(refs, false)).map(({ ref, id }) => [ref, id]));
    return refs.map((ref) => ({ id: ids.get(ref) ?? 0, claimed: null }));
  }
}

/** The values of `completeOne`, and with arrays of them of `completeMany`, less the bytes and the host. */
function completeValues({ id, claim, transition }: Ack): (string | number | boolean | null)[] {
  const { state, delay, counted, error, answer } = transition;
  const head = answer === null ? null : answer.kind + answer.encoding;
  return [id, claim, stateNumber(state), delay, counted, error, head];
}

const PROGRAM_LIMIT_EXCEEDED = "54000";

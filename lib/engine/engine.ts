import type { StoredAnswer } from "../job/answer.js";
import { type ClaimedJob, type JobState, stateNumber } from "../job/job.js";
import type { Transition } from "../job/transition.js";
import {
  type ClaimKey,
  type Loss,
  type Registration,
  type Rescued,
  type Tended,
  type TendedRow,
  toTended,
  type Ending,
} from "./census.js";
import { type ClaimResult, Claims } from "./claims.js";
import type { Database, Statement } from "../postgres/database.js";
import { sqlState } from "../postgres/failure.js";
import {
  arrayOf,
  claimedOf,
  columnsOf,
  type InsertRow,
  insertValues,
  Pieces,
  piecesOf,
  type StoredRow,
  stateOf,
  toStored,
  uuidFromRef,
} from "./rows.js";
import { type Pair, pairKey, type Unserved } from "./serving.js";
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

/** The number of jobs of one queue in one state. */
export interface QueueCount {
  /** The queue's name. */
  readonly queue: string;
  /** The state that the jobs are in. */
  readonly state: JobState;
  /** How many there are. */
  readonly jobs: number;
}

/** How many rows were removed, and how many got the time when they will be. */
export interface Pruned {
  readonly pruned: number;
  readonly dated: number;
}

interface InsertedRow {
  readonly id: number;
  readonly claimed: boolean;
  readonly at: number;
}

/** The table of jobs as operations. */
export class Engine {
  readonly #database: Database;
  readonly #statements: Statements;
  readonly #claims: Claims;
  /** The id of the host that asks. */
  readonly host: string;

  /**
   * @param durable whether completions wait for the disk. @default true
   * @param retention ms that rows which this host finishes are kept. @default 86_400_000, a day
   */
  constructor(database: Database, prefix: string, host: string, durable?: boolean, retention?: number) {
    this.#database = database;
    this.#statements = statements(prefix, durable, retention);
    this.#claims = new Claims(database, this.#statements, host);
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

  /**
   * Takes up to `limit` available jobs of the workers that this host has registered, first by priority, then by time. The first
   * `begin` are begun by it.
   */
  take(queue: string, limit: number, begin = limit): Promise<ClaimResult> {
    return this.#claims.take(queue, limit, begin);
  }

  /** The jobs of {@link take}. */
  async claim(queue: string, limit: number, begin = limit): Promise<ClaimedJob[]> {
    return (await this.take(queue, limit, begin)).jobs;
  }

  /** Counts the attempts of jobs that this host only held and has begun now; of those that it holds no more, none. */
  async begin(jobs: readonly ClaimKey[]): Promise<void> {
    const [ids, claims] = keyColumns(jobs);
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
    return among(done, acks);
  }

  /**
   * Gives back jobs that a stop of this host interrupts, each attempt not counted until there have been too many stops in a
   * row; `exhausted` is for those that have no attempt left then. Like {@link complete}, false where the fence refused.
   */
  async interrupt(keys: readonly ClaimKey[], exhausted: Ending, again = false): Promise<boolean[]> {
    const [ids, claims] = keyColumns(keys);
    const { answer, error } = exhausted;
    const values = [ids, claims, this.host, error, answer.kind + answer.encoding, Buffer.from(answer.bytes)];
    const done = await this.#notifying<ClaimKey>(this.#statements.interrupt, values);
    // Nothing but an earlier try can have ended what this host held under that very claim.
    if (again && done.length < keys.length) return keys.map(() => true);
    return among(done, keys);
  }

  /** Resolves if the table of jobs can be written to. Rejects like a write where it cannot. */
  async writable(): Promise<void> {
    await this.#database.query(this.#statements.writable, []);
  }

  /** Reads the answers of these refs. A ref without a row is absent from the result. */
  async readAnswers(refs: readonly string[]): Promise<StoredAnswer[]> {
    const rows = await this.#database.query<StoredRow>(this.#statements.fetch, [refs.map(uuidFromRef)]);
    return rows.map(toStored);
  }

  /** Adds this host to those that are notified of the next outcome, then reads like {@link readAnswers}. */
  async subscribe(refs: readonly string[]): Promise<StoredAnswer[]> {
    const values = [refs.map(uuidFromRef), this.host];
    const answers = (await this.#database.query<StoredRow>(this.#statements.subscribe, values)).map(toStored);
    if (answers.length === refs.length) return answers;
    const found = new Set(answers.map(({ ref }) => ref));
    return [...answers, ...(await this.readAnswers(refs.filter((ref) => !found.has(ref))))];
  }

  async readLargeAnswers(refs: readonly string[], progress: () => void = () => {}): Promise<StoredAnswer[]> {
    const pieces = new Pieces();
    await this.#database.copy(this.#statements.large(refs.map(uuidFromRef)), (row) => {
      pieces.add(row);
      progress();
    });
    return pieces.stored();
  }

  /** Removes up to `limit` rows whose time is over, and dates up to `limit` finished rows that have no time. */
  async prune(limit: number): Promise<Pruned> {
    const [row] = await this.#database.query<Pruned>(this.#statements.prune, [limit]);
    return row ?? { pruned: 0, dated: 0 };
  }

  /** How many jobs wait or run, by queue and state. Counts rows: for people, not for a hot path. */
  async counts(): Promise<QueueCount[]> {
    const rows = await this.#database.query<{ queue: string; state: number; jobs: number }>(
      this.#statements.counts,
      [],
    );
    return rows.map(({ queue, state, jobs }) => ({ queue, state: stateOf(state), jobs }));
  }

  /** Registers this host: only registered hosts claim, and only they are missed when they die. Says where its beat starts. */
  async register({ name, queues, workers, version, lockKey }: Registration): Promise<number> {
    const values = [this.host, name, JSON.stringify(queues), arrayOf(workers), version, lockKey];
    const [row] = await this.#database.query<{ beat: number }>(this.#statements.register, values);
    return row?.beat ?? 0;
  }

  /** Of these pairs, those whose jobs no live host can run, and why; the keys are those of {@link pairKey}. */
  async unserved(pairs: readonly Pair[]): Promise<Map<string, Unserved["reason"]>> {
    const values = [pairs.map(({ queue }) => queue), pairs.map(({ worker }) => worker)].map(arrayOf);
    const rows = await this.#database.query<Unserved>(this.#statements.unserved, values);
    return new Map(rows.map((row) => [pairKey(row), row.reason]));
  }

  /** Whose available jobs no live host can run. Reads one index entry a pair, not the jobs. */
  unservedNow(): Promise<Unserved[]> {
    return this.#database.query(this.#statements.unservedNow, []);
  }

  /** A heartbeat, with the host and its lock's key as parameters; it returns `beat`, or no row to a lost host. */
  get heartbeat(): Statement {
    return this.#statements.beat;
  }

  /** Takes this host off the list, and gives back whatever is still its by the table: it runs nothing any more. */
  async unregister(): Promise<void> {
    await this.#notifying(this.#statements.unregister, [this.host]);
  }

  /**
   * Looks after what is due, what waits in these queues, who lives, and, with `compare`, what this host holds by the table; up to
   * `limit` jobs become available.
   */
  async tend(limit: number, queues: readonly string[], compare: boolean): Promise<Tended> {
    const values = [this.host, limit, arrayOf(queues), compare];
    const [row] = await this.#notifying<TendedRow>(this.#statements.tend, values);
    this.#claims.notice(queues, row?.mixed ?? queues);
    return toTended(row as TendedRow, compare);
  }

  /** Puts a lost host's jobs back to work. Those that had begun and have no attempt left are discarded as `exhausted`. */
  async rescue({ id, sighting, unlocked, died }: Loss, { answer, error }: Ending): Promise<Rescued> {
    const { beat = null, seen = null, lockKey = null } = sighting ?? {};
    const told = [answer.kind + answer.encoding, Buffer.from(answer.bytes), error];
    const values = [id, beat, seen, lockKey, unlocked, died, ...told];
    const [row] = await this.#notifying<Rescued>(this.#statements.rescue, values);
    return row ?? { jobs: 0, discarded: 0, gone: false };
  }

  /** How often a job has taken down the process in which it ran alone; null where the fence refused. */
  async accused({ id, claim }: ClaimKey): Promise<number | null> {
    const rows = await this.#database.query<{ alone: number }>(this.#statements.accused, [id, claim, this.host]);
    return rows[0]?.alone ?? null;
  }

  /** Writes that it has done so `times` times. Idempotent. Null where the fence refused, else `times`. */
  async accuse({ id, claim }: ClaimKey, times: number): Promise<number | null> {
    const values = [id, claim, this.host, times];
    const rows = await this.#database.query<{ alone: number }>(this.#statements.accuse, values);
    return rows[0]?.alone ?? null;
  }

  /** Ends all suspicion of a job that came through alone. */
  async absolve({ id, claim }: ClaimKey): Promise<void> {
    await this.#database.query(this.#statements.absolve, [id, claim, this.host]);
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
    const sorted = inLockOrder(acks);
    const { starts, sizes, all } = piecesOf(sorted.map(({ transition }) => transition.answer?.bytes ?? null));
    const columns = columnsOf(sorted.map(completeValues)).map(arrayOf);
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

  /** Some of the rows were there before: an earlier try went through. What that had claimed is found when the host compares what it holds. */
  async #existing(rows: readonly InsertRow[]): Promise<Inserted[]> {
    const refs = rows.map(({ ref }) => ref);
    const ids = new Map((await this.readAnswers(refs)).map(({ ref, id }) => [ref, id]));
    return refs.map((ref) => ({ id: ids.get(ref) ?? 0, claimed: null }));
  }
}

function among(done: readonly ClaimKey[], keys: readonly ClaimKey[]): boolean[] {
  const found = new Set(done.map(({ id, claim }) => `${id}/${claim}`));
  return keys.map(({ id, claim }) => found.has(`${id}/${claim}`));
}

/** By id: statements that wait for each other's rows lock them in one order, so none waits for one that waits for it. */
function inLockOrder<Key extends ClaimKey>(keys: readonly Key[]): Key[] {
  return [...keys].sort((a, b) => a.id - b.id);
}

/** Keys as the columns that a batch takes, in the order of locks. */
function keyColumns(keys: readonly ClaimKey[]): [ids: number[], claims: number[]] {
  const sorted = inLockOrder(keys);
  return [sorted.map(({ id }) => id), sorted.map(({ claim }) => claim)];
}

/** The values of `completeOne`, and with arrays of them of `completeMany`, less the bytes and the host. */
function completeValues({ id, claim, transition }: Ack): (string | number | boolean | null)[] {
  const { state, delay, counted, error, answer } = transition;
  const head = answer === null ? null : answer.kind + answer.encoding;
  return [id, claim, stateNumber(state), delay, counted, error, head];
}

const PROGRAM_LIMIT_EXCEEDED = "54000";

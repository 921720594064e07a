import type { StoredAnswer } from "../job/answer.js";
import type { Database, Statement } from "../postgres/database.js";
import type { Heartbeat } from "../postgres/pulse-session.js";
import { sqlState } from "../postgres/failure.js";
import { type StoredRow, toStored } from "./answers.js";
import { type ClaimResult, Claims } from "./claim.js";
import { type ClaimKey, foundIn } from "./claim-key.js";
import { claimedAtInsert } from "./claimed.js";
import type { Ack } from "./complete.js";
import { type CountRow, type QueueCount, toCount } from "./counts.js";
import type { Ending } from "./ending.js";
import type { Registration } from "./hosts.js";
import type { Inserted, InsertedRow, InsertRow } from "./insert.js";
import { Pieces } from "./large-answers.js";
import { type OperationOptions, type Operations, operations } from "./operations.js";
import type { Pruned } from "./prune.js";
import type { Loss, Rescued } from "./rescue.js";
import type { AccusedRow } from "./suspicion.js";
import { type Tended, type TendedRow, toTended } from "./tend.js";
import { type Pair, pairKey, type Unserved } from "./unserved.js";

/** The server's code for a full notification queue. */
const PROGRAM_LIMIT_EXCEEDED = "54000";

interface Retry {
  /** Whether an earlier try of this write may have committed, with its reply lost. */
  readonly again?: boolean;
}

/** The table of jobs, as one host uses it. One method per operation. */
export class Engine {
  readonly #database: Database;
  readonly #operations: Operations;
  readonly #claims: Claims;
  /** The id of the host. */
  readonly host: string;

  constructor(database: Database, prefix: string, host: string, options: OperationOptions = {}) {
    this.#database = database;
    this.#operations = operations(prefix, options);
    this.#claims = new Claims(database, this.#operations, host);
    this.host = host;
  }

  /** Inserts all rows or none, in one statement. Idempotent: refs in the table keep their rows. */
  async insert(rows: readonly InsertRow[]): Promise<Inserted[]> {
    const { insertOne, insertMany } = this.#operations;
    const [row] = rows;
    const inserted =
      rows.length === 1 && row !== undefined
        ? await this.#notifying<InsertedRow>(insertOne, insertOne.values(row, this.host))
        : await this.#notifying<InsertedRow>(insertMany, insertMany.values(rows, this.host));
    if (inserted.length < rows.length) return this.#existing(rows);
    return rows.map((row, index) => {
      const stored = inserted[index] as InsertedRow;
      return { id: stored.id, claimed: stored.claimed ? claimedAtInsert(row, stored) : null };
    });
  }

  /**
   * Claims up to `limit` available jobs of this host's workers, by priority, then by time. The
   * first `begin` of them begin at once.
   */
  claim(queue: string, limit: number, begin = limit): Promise<ClaimResult> {
    return this.#claims.claim(queue, limit, begin);
  }

  /** Counts the attempts of held jobs that have begun, if this host still holds them. */
  async begin(jobs: readonly ClaimKey[]): Promise<void> {
    const { begin } = this.#operations;
    await this.#database.query(begin, begin.values(jobs, this.host));
  }

  /**
   * Ends attempts, and notifies the other hosts that await them. Returns false for an ack that the
   * fence refused: this host no longer holds the job. With `again`, also true for an ack that an
   * earlier try has written.
   */
  async complete(acks: readonly Ack[], retry?: Retry): Promise<boolean[]> {
    const { completeOne, completeMany, written } = this.#operations;
    const [ack] = acks;
    const completed =
      acks.length === 1 && ack !== undefined
        ? await this.#notifying<ClaimKey>(completeOne, completeOne.values(ack, this.host))
        : await this.#notifying<ClaimKey>(completeMany, completeMany.values(acks, this.host));
    if (completed.length === acks.length) return acks.map(() => true);
    if (retry?.again)
      completed.push(...(await this.#database.query<ClaimKey>(written, written.values(acks, this.host))));
    return foundIn(completed, acks);
  }

  /**
   * Releases jobs that a stop of this host interrupts. The first few stops in a row cost a job no
   * attempt. Later ones do, and the job ends as `exhausted` says if it was the last. Returns false
   * for a key that the fence refused, like {@link complete}.
   */
  async interrupt(keys: readonly ClaimKey[], exhausted: Ending, retry?: Retry): Promise<boolean[]> {
    const { interrupt } = this.#operations;
    const interrupted = await this.#notifying<ClaimKey>(interrupt, interrupt.values(keys, exhausted, this.host));
    // Only an earlier try can have ended jobs that this host held under these claims.
    if (retry?.again && interrupted.length < keys.length) return keys.map(() => true);
    return foundIn(interrupted, keys);
  }

  /** Resolves if the table of jobs takes writes; otherwise rejects as a write would. */
  async writable(): Promise<void> {
    const { writable } = this.#operations;
    await this.#database.query(writable, writable.values());
  }

  /** Reads the answers of these refs. A ref without a row is absent from the result. */
  async readAnswers(refs: readonly string[]): Promise<StoredAnswer[]> {
    const { readAnswers } = this.#operations;
    return (await this.#database.query<StoredRow>(readAnswers, readAnswers.values(refs))).map(toStored);
  }

  /** Subscribes this host to the next outcomes, and reads like {@link readAnswers}. */
  async subscribe(refs: readonly string[]): Promise<StoredAnswer[]> {
    const { subscribe } = this.#operations;
    const rows = await this.#database.query<StoredRow>(subscribe, subscribe.values(refs, this.host));
    const answers = rows.map(toStored);
    if (answers.length === refs.length) return answers;
    const found = new Set(answers.map(({ ref }) => ref));
    return [...answers, ...(await this.readAnswers(refs.filter((ref) => !found.has(ref))))];
  }

  /** Reads answers of any size, whole. Calls `progress` as their bytes arrive. */
  async readLargeAnswers(refs: readonly string[], progress: () => void = () => {}): Promise<StoredAnswer[]> {
    const pieces = new Pieces();
    await this.#database.copy(this.#operations.largeAnswers(refs), (row) => {
      pieces.add(row);
      progress();
    });
    return pieces.stored();
  }

  /** Deletes up to `limit` expired rows, and sets the expiry of up to `limit` rows without one. */
  async prune(limit: number): Promise<Pruned> {
    const { prune } = this.#operations;
    const [row] = await this.#database.query<Pruned>(prune, prune.values(limit));
    return row ?? { pruned: 0, dated: 0 };
  }

  /** Counts the jobs that wait or run, by queue and state. Reads every such row. */
  async counts(): Promise<QueueCount[]> {
    const { counts } = this.#operations;
    return (await this.#database.query<CountRow>(counts, counts.values())).map(toCount);
  }

  /**
   * Registers this host and returns its first beat. Only a registered host can claim jobs or be
   * declared lost.
   */
  async register(registration: Registration): Promise<number> {
    const { register } = this.#operations;
    const values = register.values(this.host, registration);
    const [row] = await this.#database.query<{ beat: number }>(register, values);
    return row?.beat ?? 0;
  }

  /**
   * Finds the given pairs whose jobs no live host can run. The keys are those of {@link pairKey}.
   */
  async unserved(pairs: readonly Pair[]): Promise<Map<string, Unserved["reason"]>> {
    const { unserved } = this.#operations;
    const rows = await this.#database.query<Unserved>(unserved, unserved.values(pairs));
    return new Map(rows.map((row) => [pairKey(row), row.reason]));
  }

  /** Finds available jobs that no live host can run. Reads one index entry per pair. */
  unservedNow(): Promise<Unserved[]> {
    const { unservedNow } = this.#operations;
    return this.#database.query(unservedNow, unservedNow.values());
  }

  /** The statement of a heartbeat, which the pulse sends. */
  get heartbeat(): Heartbeat {
    return this.#operations.heartbeat;
  }

  /**
   * Deregisters this host, which no longer runs jobs, and releases the jobs that it still holds in
   * the table.
   */
  async unregister(): Promise<void> {
    const { unregister } = this.#operations;
    await this.#notifying(unregister, unregister.values(this.host));
  }

  /**
   * Looks at the table: makes up to `limit` due jobs available, and reads which of these queues
   * have jobs, which hosts live and, with `compare`, which jobs this host holds in the table.
   */
  async tend(
    limit: number,
    queues: readonly string[],
    { compare = false }: { readonly compare?: boolean } = {},
  ): Promise<Tended> {
    const { tend } = this.#operations;
    const [row] = await this.#notifying<TendedRow>(tend, tend.values({ host: this.host, limit, queues, compare }));
    this.#claims.notice(queues, row?.mixed ?? queues);
    return toTended(row as TendedRow, { compared: compare });
  }

  /**
   * Returns a lost host's jobs to the queue. Jobs that had begun and have no attempt left end as
   * `exhausted` says.
   */
  async rescue(loss: Loss, exhausted: Ending): Promise<Rescued> {
    const { rescue } = this.#operations;
    const [row] = await this.#notifying<Rescued>(rescue, rescue.values(loss, exhausted));
    return row ?? { jobs: 0, discarded: 0, gone: false };
  }

  /** Reads how many processes died while they ran this job alone; null if the fence refuses. */
  async accused(key: ClaimKey): Promise<number | null> {
    const { accused } = this.#operations;
    const [row] = await this.#database.query<AccusedRow>(accused, accused.values(key, this.host));
    return row?.alone ?? null;
  }

  /** Writes that count, and returns it; null if the fence refuses. Idempotent. */
  async accuse(key: ClaimKey, times: number): Promise<number | null> {
    const { accuse } = this.#operations;
    const [row] = await this.#database.query<AccusedRow>(accuse, accuse.values(key, this.host, times));
    return row?.alone ?? null;
  }

  /** Clears all suspicion of a job that survived a run alone. */
  async absolve(key: ClaimKey): Promise<void> {
    const { absolve } = this.#operations;
    await this.#database.query(absolve, absolve.values(key, this.host));
  }

  /**
   * Executes a statement that notifies. Changes `values`, which the caller must not reuse. A full
   * notification queue must not block writes: the statement is repeated without notifying, and
   * lookups of awaiters and polls of producers find what it wrote.
   */
  async #notifying<Row extends object>(statement: Statement, values: unknown[]): Promise<Row[]> {
    values.push(true);
    try {
      return await this.#database.query<Row>(statement, values);
    } catch (error) {
      if (sqlState(error) !== PROGRAM_LIMIT_EXCEEDED) throw error;
      return this.#database.query<Row>(statement, [...values.slice(0, -1), false]);
    }
  }

  /**
   * Looks up inserted rows after an earlier try committed some of them. Jobs that it inserted as
   * claimed turn up when the host compares its holds with the table.
   */
  async #existing(rows: readonly InsertRow[]): Promise<Inserted[]> {
    const refs = rows.map(({ ref }) => ref);
    const ids = new Map((await this.readAnswers(refs)).map(({ ref, id }) => [ref, id]));
    return refs.map((ref) => ({ id: ids.get(ref) ?? 0, claimed: null }));
  }
}

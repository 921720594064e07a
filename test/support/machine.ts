import { expect } from "chai";
import { type Answer, ANSWER_KINDS, answerWith, bareAnswer } from "../../lib/job/answer.js";
import { QUARANTINED_AT } from "../../lib/job/crashes.js";
import { type ClaimedJob, JOB_STATES, type JobState } from "../../lib/job/job.js";
import type { Outcome } from "../../lib/job/outcome.js";
import { transition } from "../../lib/job/transition.js";
import { Engine } from "../../lib/postgres/engine.js";
import type { Engines } from "./engines.js";
import { newRow } from "./rows.js";

export const HOSTS = ["one", "two", "three"] as const;
type HostName = (typeof HOSTS)[number];

const MAX_ATTEMPTS = 3;
const FINAL: ReadonlySet<JobState> = new Set(["completed", "discarded", "cancelled"]);

/** What is to be true of the row. */
interface Model {
  state: JobState;
  claim: number;
  attempt: number;
  crashes: number;
  holder: HostName | null;
  begun: boolean;
  answer: Answer | null;
  gone: boolean;
}

interface Row {
  readonly state: number;
  readonly claim: number;
  readonly attempt: number;
  readonly crashes: number;
  readonly attempted_by: string | null;
  readonly begun: boolean;
  readonly finished: boolean;
}

/** One job in the table, three hosts that do things to it, and beside it what by the rules must come of that. */
export class Machine {
  /** The kinds of what its awaiter, host one, must have been told by notification. */
  readonly told: string[] = [];
  readonly row = newRow({ replyTo: "one", maxAttempts: MAX_ATTEMPTS });
  readonly #engines: Engines;
  readonly #hosts: Record<HostName, Engine>;
  readonly #registered = new Set<HostName>(HOSTS);
  /** All claims that each host ever had, the late ones too. */
  readonly #claims: Record<HostName, ClaimedJob[]> = { one: [], two: [], three: [] };
  readonly #model: Model = {
    state: "available",
    claim: 0,
    attempt: 0,
    crashes: 0,
    holder: null,
    begun: false,
    answer: null,
    gone: false,
  };
  #id = 0;

  constructor(engines: Engines) {
    this.#engines = engines;
    this.#hosts = { one: engines.one, two: engines.two, three: new Engine(engines.database, "baton", "three") };
  }

  get ended(): boolean {
    return FINAL.has(this.#model.state);
  }

  async start(): Promise<void> {
    await this.#engines.reset();
    await this.#hosts.three.register("three", { default: 1 }, "0", null);
    const [{ id } = { id: 0 }] = await this.#hosts.one.insert([this.row]);
    this.#id = id;
  }

  async claim(host: HostName, begin: boolean): Promise<void> {
    const model = this.#model;
    const [job] = await this.#hosts[host].claim("default", 1, begin ? 1 : 0);
    const expected = model.state === "available" && this.#registered.has(host);
    expect(job !== undefined, "claimed").to.equal(expected);
    if (job === undefined) return;
    Object.assign(model, { state: "executing", claim: model.claim + 1, holder: host, begun: begin });
    if (begin) model.attempt += 1;
    const attempt = model.attempt + (begin ? 0 : 1);
    expect(job).to.include({ id: this.#id, claim: model.claim, attempt, begun: begin, crashes: model.crashes });
    this.#claims[host].push(job);
  }

  /** `old`: how many claims ago this host had it. */
  async begin(host: HostName, old: number): Promise<void> {
    const job = this.#claims[host].at(-1 - old);
    if (job === undefined) return;
    await this.#hosts[host].begin([job]);
    if (!this.#holds(host, job) || this.#model.begun) return;
    this.#model.begun = true;
    this.#model.attempt += 1;
  }

  async complete(host: HostName, old: number, outcome: Outcome, twice: boolean): Promise<void> {
    const model = this.#model;
    const job = this.#claims[host].at(-1 - old);
    if (job === undefined) return;
    const to = transition(outcome, job, () => 0);
    const acks = [{ ...job, transition: to }];
    const expected = this.#holds(host, job);
    expect(await this.#hosts[host].complete(acks), "written").to.deep.equal([expected]);
    if (twice) expect(await this.#hosts[host].complete(acks), "written twice").to.deep.equal([false]);
    if (!expected) return;
    const counted = model.attempt + (model.begun ? 0 : 1);
    Object.assign(model, { state: to.state, attempt: to.counted ? counted : counted - 1, holder: null });
    if (to.answer === null) return;
    model.answer = to.answer;
    // Host one delivers to itself.
    if (host !== "one") this.told.push(to.answer.kind);
  }

  /** Another host finds this one dead, rightly or not. */
  async rescue(host: HostName): Promise<void> {
    const model = this.#model;
    const [exhausted, quarantined] = ["lost", "poison"].map((text) => ({
      answer: answerWith(ANSWER_KINDS.exhausted, { encoding: "b", bytes: Buffer.from(text) }),
      error: text,
    })) as [{ answer: Answer; error: string }, { answer: Answer; error: string }];
    await this.#hosts[host === "one" ? "two" : "one"].rescue(host, exhausted, quarantined, QUARANTINED_AT);
    this.#registered.delete(host);
    if (model.state !== "executing" || model.holder !== host) return;
    Object.assign(model, { holder: null, crashes: model.crashes + 1, state: "available" });
    const poison = model.begun && model.crashes >= QUARANTINED_AT;
    const last = model.begun && model.attempt >= MAX_ATTEMPTS;
    if (!poison && !last) return;
    model.state = "discarded";
    model.answer = (poison ? quarantined : exhausted).answer;
    this.told.push(model.answer.kind);
  }

  async register(host: HostName): Promise<void> {
    if (this.#registered.has(host)) return;
    await this.#hosts[host].register(host, { default: 1 }, "0", null);
    this.#registered.add(host);
  }

  async insertAgain(): Promise<void> {
    if (this.#model.gone) return;
    expect(await this.#hosts.one.insert([this.row]), "the same ref").to.deep.equal([{ id: this.#id, claimed: null }]);
  }

  /** The time of a scheduled or retryable job comes. */
  async makeDue(): Promise<void> {
    await this.#engines.sql.query("update baton.jobs set scheduled_at = now() where state in (0, 3)");
    await this.#hosts.two.tend({ lease: 1e12, grace: 1e12, since: 1e12, patientGrace: 1e12 }, 10, []);
    if (["scheduled", "retryable"].includes(this.#model.state)) this.#model.state = "available";
  }

  /** As an operator may, whoever holds it. */
  async cancel(): Promise<void> {
    await this.#engines.sql.query(
      "update baton.jobs set state = 6, finished_at = now(), result = 'c-' where state < 4",
    );
    if (!this.ended) Object.assign(this.#model, { state: "cancelled", answer: bareAnswer(ANSWER_KINDS.cancelled) });
  }

  async prune(due: boolean): Promise<void> {
    if (due) await this.#engines.sql.query("update baton.jobs set expires_at = now() where state >= 4");
    await this.#hosts.three.prune(10);
    if (due && this.ended) this.#model.gone = true;
  }

  /** The row is as it must be, and says to those who ask by its ref what it must. */
  async check(): Promise<void> {
    const { gone, state, claim, attempt, crashes, holder, begun, answer } = this.#model;
    const { rows } = await this.#engines.sql.query<Row>(
      `select state, claim, attempt, crashes, attempted_by, attempted_at is not null as begun, finished_at is not null as finished
       from baton.jobs`,
    );
    expect(rows, "rows").to.have.length(gone ? 0 : 1);
    const [row] = rows;
    if (row === undefined) return;
    expect({ ...row, state: JOB_STATES[row.state] }).to.include({ state, claim, attempt, crashes });
    expect(row.finished, "finished").to.equal(FINAL.has(state));
    expect(attempt).to.be.within(0, MAX_ATTEMPTS);
    if (state === "executing") expect(row).to.include({ attempted_by: holder, begun });
    const [stored] = await this.#hosts.two.fetch([this.row.ref], false);
    const expected = answer === null ? null : { ...answer, bytes: Buffer.from(answer.bytes) };
    expect(stored?.answer).to.deep.equal(expected);
  }

  /** Whether this host holds the job now, by this very claim. */
  #holds(host: HostName, { claim }: ClaimedJob): boolean {
    const model = this.#model;
    return model.state === "executing" && model.holder === host && model.claim === claim;
  }
}

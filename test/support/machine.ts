import { expect } from "chai";
import { type Answer, ANSWER_KINDS, answerWith, bareAnswer } from "../../lib/job/answer.js";
import { COUNTED_FROM } from "../../lib/job/interruptions.js";
import { type ClaimedJob, JOB_STATES, type JobState } from "../../lib/job/job.js";
import type { EndedOutcome } from "../../lib/job/outcome.js";
import { transition } from "../../lib/job/transition.js";
import { Engine } from "../../lib/engine/engine.js";
import { type Engines, registration } from "./engines.js";
import { newRow } from "./rows.js";

export const HOSTS = ["one", "two", "three"] as const;
type HostName = (typeof HOSTS)[number];

const MAX_ATTEMPTS = 3;
const FINAL: ReadonlySet<JobState> = new Set(["completed", "discarded", "cancelled"]);

/** The expected row. */
interface Model {
  state: JobState;
  claim: number;
  attempt: number;
  crashes: number;
  deaths: number;
  interruptions: number;
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
  readonly deaths: number;
  readonly interruptions: number;
  readonly attempted_by: string | null;
  readonly begun: boolean;
  readonly finished: boolean;
}

/** One job in the table, three hosts that act on it, and a model of the row that must result. */
export class Machine {
  /** The kinds of the answers that must have been notified to the awaiter, host one. */
  readonly told: string[] = [];
  readonly row = newRow({ replyTo: "one", maxAttempts: MAX_ATTEMPTS });
  readonly #engines: Engines;
  readonly #hosts: Record<HostName, Engine>;
  readonly #registered = new Set<HostName>(HOSTS);
  /** Every claim of each host, past ones too. */
  readonly #claims: Record<HostName, ClaimedJob[]> = { one: [], two: [], three: [] };
  readonly #model: Model = {
    state: "available",
    claim: 0,
    attempt: 0,
    crashes: 0,
    deaths: 0,
    interruptions: 0,
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
    await this.#hosts.three.register(registration("three"));
    const [{ id } = { id: 0 }] = await this.#hosts.one.insert([this.row]);
    this.#id = id;
  }

  async claim(host: HostName, begin: boolean): Promise<void> {
    const model = this.#model;
    const { jobs } = await this.#hosts[host].claim("default", 1, begin ? 1 : 0);
    const [job] = jobs;
    const expected = model.state === "available" && this.#registered.has(host);
    expect(job !== undefined, "claimed").to.equal(expected);
    if (job === undefined) return;
    Object.assign(model, { state: "executing", claim: model.claim + 1, holder: host, begun: begin });
    if (begin) model.attempt += 1;
    const attempt = model.attempt + (begin ? 0 : 1);
    expect(job).to.include({ id: this.#id, claim: model.claim, attempt, begun: begin, suspicion: this.#suspicion });
    this.#claims[host].push(job);
  }

  /** @param old 0 for the host's last claim, 1 for the one before. */
  async begin(host: HostName, old: number): Promise<void> {
    const job = this.#claims[host].at(-1 - old);
    if (job === undefined) return;
    await this.#hosts[host].begin([job]);
    if (!this.#holds(host, job) || this.#model.begun) return;
    this.#model.begun = true;
    this.#model.attempt += 1;
  }

  async complete(host: HostName, old: number, outcome: EndedOutcome, twice: boolean): Promise<void> {
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
    Object.assign(model, { answer: to.answer, interruptions: 0 });
    // Host one delivers to itself, without a notification.
    if (host !== "one") this.told.push(to.answer.kind);
  }

  /** The host stops, and releases the job although it had begun. */
  async interrupt(host: HostName, old: number, twice: boolean): Promise<void> {
    const model = this.#model;
    const job = this.#claims[host].at(-1 - old);
    if (job === undefined) return;
    const expected = this.#holds(host, job);
    const answer = answerWith(ANSWER_KINDS.exhausted, { encoding: "b", bytes: Buffer.from("interrupted") });
    const interrupt = () => this.#hosts[host].interrupt([job], { answer, error: "interrupted" });
    expect(await interrupt(), "written").to.deep.equal([expected]);
    if (twice) expect(await interrupt(), "written twice").to.deep.equal([false]);
    if (!expected) return;
    const attempt = model.attempt + (model.begun ? 0 : 1);
    const counted = model.interruptions + 1 >= COUNTED_FROM;
    const last = counted && attempt >= MAX_ATTEMPTS;
    Object.assign(model, { attempt: counted ? attempt : attempt - 1, holder: null });
    Object.assign(model, { interruptions: model.interruptions + 1, state: last ? "discarded" : "available" });
    if (!last) return;
    model.answer = answer;
    if (host !== "one") this.told.push(answer.kind);
  }

  /** Another host declares this one lost, rightly or not. */
  async rescue(host: HostName, died: boolean): Promise<void> {
    const model = this.#model;
    const answer = answerWith(ANSWER_KINDS.exhausted, { encoding: "b", bytes: Buffer.from("lost") });
    const loss = await this.#engines.lossOf(host, { died });
    await this.#hosts[host === "one" ? "two" : "one"].rescue(loss, { answer, error: "lost" });
    this.#registered.delete(host);
    if (model.state !== "executing" || model.holder !== host) return;
    const blamed = died && this.#suspicion < 2;
    Object.assign(model, {
      holder: null,
      deaths: model.deaths + (blamed ? 1 : 0),
      crashes: model.crashes + (blamed && model.begun ? 1 : 0),
      state: "available",
    });
    if (!model.begun || model.attempt < MAX_ATTEMPTS) return;
    Object.assign(model, { state: "discarded", answer });
    this.told.push(answer.kind);
  }

  /** A look finds the host lost, but it sends a heartbeat before the rescue. */
  async rescueTooLate(host: HostName): Promise<void> {
    if (!this.#registered.has(host)) return;
    const loss = await this.#engines.lossOf(host);
    await this.#engines.beat(this.#hosts[host]);
    const answer = answerWith(ANSWER_KINDS.exhausted, { encoding: "b", bytes: Buffer.from("lost") });
    const rescued = await this.#hosts[host === "one" ? "two" : "one"].rescue(loss, { answer, error: "lost" });
    expect(rescued, "rescued though it lives").to.deep.equal({ jobs: 0, discarded: 0, gone: false });
  }

  /** The job survived a process of its own. */
  async absolve(host: HostName, old: number): Promise<void> {
    const job = this.#claims[host].at(-1 - old);
    if (job === undefined) return;
    await this.#hosts[host].absolve(job);
    if (this.#holds(host, job)) Object.assign(this.#model, { crashes: 0, deaths: 0 });
  }

  async register(host: HostName): Promise<void> {
    if (this.#registered.has(host)) return;
    await this.#hosts[host].register(registration(host));
    this.#registered.add(host);
  }

  async insertAgain(): Promise<void> {
    if (this.#model.gone) return;
    expect(await this.#hosts.one.insert([this.row]), "the same ref").to.deep.equal([{ id: this.#id, claimed: null }]);
  }

  /** A scheduled or retryable job becomes due. */
  async makeDue(): Promise<void> {
    await this.#engines.sql.query("update baton.jobs set scheduled_at = now() where state in (0, 3)");
    await this.#hosts.two.tend(10, []);
    if (["scheduled", "retryable"].includes(this.#model.state)) this.#model.state = "available";
  }

  /** An operator cancels the job, whoever holds it. */
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

  /** Compares the row and its stored answer with the model. */
  async check(): Promise<void> {
    const { gone, state, claim, attempt, crashes, deaths, interruptions, holder, begun, answer } = this.#model;
    const { rows } = await this.#engines.sql.query<Row>(
      `select state, claim, attempt, crashes, deaths, interruptions, attempted_by, attempted_at is not null as begun, finished_at is not null as finished
       from baton.jobs`,
    );
    expect(rows, "rows").to.have.length(gone ? 0 : 1);
    const [row] = rows;
    if (row === undefined) return;
    const counts = { state, claim, attempt, crashes, deaths, interruptions };
    expect({ ...row, state: JOB_STATES[row.state] }).to.include(counts);
    expect(row.finished, "finished").to.equal(FINAL.has(state));
    expect(attempt).to.be.within(0, MAX_ATTEMPTS);
    if (state === "executing") expect(row).to.include({ attempted_by: holder, begun });
    const [stored] = await this.#hosts.two.readAnswers([this.row.ref]);
    const expected = answer === null ? null : { ...answer, bytes: Buffer.from(answer.bytes) };
    expect(stored?.answer).to.deep.equal(expected);
  }

  get #suspicion(): number {
    const { crashes, deaths } = this.#model;
    if (deaths === 0) return 0;
    return crashes > 0 && deaths > 1 ? 2 : 1;
  }

  /** Whether this host holds the job by this claim. */
  #holds(host: HostName, { claim }: ClaimedJob): boolean {
    const model = this.#model;
    return model.state === "executing" && model.holder === host && model.claim === claim;
  }
}

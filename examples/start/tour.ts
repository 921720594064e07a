import { inspect } from "node:util";
import type { AwaitResult, Baton } from "../../lib/index.js"; // in your project: "pg-baton"
import Burn from "../workers/burn.js";
import { Ending } from "./ending.js";
import { QuotaError } from "./quota-error.js";
import type { Screen } from "./screen.js";
import { Blob, Patient, Picky, Spender } from "./situations.js";

/**
 * Shows the other outcomes of an await, one after the other. Every job runs in the other process.
 *
 * @throws {@link Ending}
 */
export class Tour {
  readonly #baton: Baton;
  readonly #screen: Screen;
  readonly #signal: AbortSignal;
  #told = false;

  constructor(baton: Baton, screen: Screen, signal: AbortSignal) {
    this.#baton = baton;
    this.#screen = screen;
    this.#signal = signal;
  }

  async run(): Promise<void> {
    await this.#partialTimeout();
    await this.#tooLarge();
    await this.#snooze();
    await this.#discard();
    await this.#ownError();
  }

  async #partialTimeout(): Promise<void> {
    this.#title("Three jobs, one of them slow", "awaitMany([20 ms, 40 ms, 2 s of work], 1_000)");
    const jobs = [20, 40, 2_000].map((ms) => Burn.new({ ms }, { queue: "there" }));
    const relays = await this.#baton.asyncMany(jobs);
    const results = await this.#baton.awaitMany(relays, { timeout: 1_000, signal: this.#signal });
    for (const result of results) this.#outcome(result, result.ok ? "rounds" : "");
    const [first, second, slow] = results;
    this.#expect(first?.ok === true && second?.ok === true, "the quick jobs were not done in time", results);
    this.#expect(slow?.ok === false && slow.error === "timeout", "the slow job did not time out", slow);
    const [relay] = relays.slice(-1);
    if (relay === undefined) return;
    const later = await this.#baton.await(relay, { timeout: 10_000, signal: this.#signal });
    this.#outcome(later, "rounds: the slow one, awaited again");
    this.#expect(later.ok, "the slow job did not end", later);
  }

  async #tooLarge(): Promise<void> {
    this.#title("A result over 8 kB compressed", "return randomBytes(64_000)");
    const result = await this.#await(Blob.new({ bytes: 64_000 }));
    this.#outcome(result, `the job is ${result.job.state} and not tried again`);
    this.#expect(!result.ok && result.error === "result_too_large", "64 kB did not come out as too large", result);
  }

  async #snooze(): Promise<void> {
    this.#title("A job that is not due yet", "return snooze(1)");
    const relay = await this.#baton.async(Patient.new({ readyAt: Date.now() + 1_000 }));
    const first = await this.#baton.await(relay, { timeout: 10_000, signal: this.#signal });
    this.#outcome(first, first.ok ? "" : `it runs again in ${first.seconds} s`);
    this.#expect(!first.ok && first.error === "snoozed", "the job was not snoozed", first);
    const final = await this.#baton.await(relay, { withRetries: true, timeout: 10_000, signal: this.#signal });
    this.#outcome(final, "by awaiting { withRetries: true }");
    for await (const { state, attempt } of this.#baton.jobs({ ids: [relay.job.id] })) {
      this.#detail(`its row says: ${state}, attempt ${attempt}, as a snooze uses none up`);
    }
    this.#expect(final.ok, "the snoozed job did not end", final);
  }

  async #discard(): Promise<void> {
    this.#title("A job that should not be retried", "return discard({ refused: type, accepted })");
    const result = await this.#await(Picky.new({ type: "exe" }));
    this.#outcome(result, result.ok ? "" : `reason ${show(result.reason)}`);
    this.#expect(!result.ok && result.error === "discarded", "the job was not discarded", result);
  }

  async #ownError(): Promise<void> {
    this.#title("An error of one's own class", "throw new QuotaError(account, bytes, { cause })");
    const result = await this.#await(Spender.new({ account: "ada", bytes: 5_000 }));
    const error = result.ok ? undefined : result.error;
    if (!(error instanceof QuotaError)) return this.#expect(false, "the error did not come back as its class", result);
    this.#outcome(result);
    this.#detail(`an instance of QuotaError, code ${error.code}, account ${error.account}, bytes ${error.bytes}`);
    this.#detail(`caused by ${String(error.cause)}`);
    this.#expect(error.cause instanceof RangeError, "the error's cause was lost", error);
  }

  async #await<Result>(job: Parameters<Baton["async"]>[0]): Promise<AwaitResult<Result>> {
    const relay = await this.#baton.async(job);
    return (await this.#baton.await(relay, { timeout: 10_000, signal: this.#signal })) as AwaitResult<Result>;
  }

  #title(text: string, code: string): void {
    if (this.#told) this.#screen.line();
    this.#told = true;
    this.#screen.line(`${text}  ${this.#screen.paint("gray", code)}`);
  }

  #outcome(result: AwaitResult, remark = ""): void {
    const [word, style, said] = result.ok
      ? (["ok", "green", show(result.value)] as const)
      : result.error instanceof Error
        ? ([result.error.name, "yellow", result.error.message] as const)
        : ([
            result.error,
            "yellow",
            result.error === "timeout" ? `it is ${result.job.state}, and goes on` : "",
          ] as const);
    const text = [said, remark].filter((part) => part !== "").join(" ");
    this.#screen.line(`  ${this.#screen.paint(style, word.padEnd(17))} ${text}`);
  }

  #detail(text: string): void {
    this.#screen.line(`  ${" ".repeat(17)} ${text}`);
  }

  #expect(held: boolean, otherwise: string, what: unknown): void {
    if (!held) throw new Ending(`Something is wrong: ${otherwise}. It came out as ${show(what)}`);
  }
}

function show(value: unknown): string {
  return inspect(value, { breakLength: Infinity, numericSeparator: true });
}

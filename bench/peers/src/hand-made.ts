import pg from "pg";
import { PATIENCE } from "../../../dist/bench/peers/peer.js";

const CHANNEL = "results";
const NOTIFY = { name: "notify", text: `select pg_notify('${CHANNEL}', payload) from unnest($1::text[]) payload` };

/**
 * Awaits by hand, for peers that cannot await a job: the job sends its result with NOTIFY, and the
 * caller listens. Results of the same process need no NOTIFY. A missed notification loses the
 * result.
 */
export class Mailbox {
  readonly #open = new Map<string, (int: number) => void>();
  #client: pg.Client | undefined;

  async listen(database: string): Promise<void> {
    this.#client = new pg.Client(database);
    await this.#client.connect();
    this.#client.on("notification", ({ payload = "" }) => {
      const [ref = "", int] = payload.split(" ");
      this.deliver(ref, Number(int));
    });
    await this.#client.query(`listen ${CHANNEL}`);
  }

  expect(ref: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#open.delete(ref);
        reject(new Error(`Nothing came within ${PATIENCE} ms`));
      }, PATIENCE);
      this.#open.set(ref, (int) => {
        clearTimeout(timer);
        this.#open.delete(ref);
        resolve(int);
      });
    });
  }

  /** Returns false if nobody here awaits it. */
  deliver(ref: string, int: number): boolean {
    const resolve = this.#open.get(ref);
    resolve?.(int);
    return resolve !== undefined;
  }

  async close(): Promise<void> {
    await this.#client?.end();
  }
}

/** Sends results. Those that arrive while a statement is under way share the next. */
export class Announcer {
  readonly #client: pg.Client;
  readonly #mailbox: Mailbox | undefined;
  #waiting: string[] = [];
  #last: Promise<unknown> = Promise.resolve();
  #next: Promise<unknown> | undefined;

  private constructor(client: pg.Client, mailbox: Mailbox | undefined) {
    this.#client = client;
    this.#mailbox = mailbox;
  }

  /** `mailbox` is that of this process, if it awaits too. */
  static async connect(database: string, mailbox?: Mailbox): Promise<Announcer> {
    const client = new pg.Client(database);
    await client.connect();
    return new Announcer(client, mailbox);
  }

  /** Resolves when the result is sent. */
  async announce(ref: string, int: number): Promise<void> {
    if (this.#mailbox?.deliver(ref, int)) return;
    this.#waiting.push(`${ref} ${int}`);
    this.#next ??= this.#last.then(() => this.#send());
    await this.#next;
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  #send(): Promise<unknown> {
    const payloads = this.#waiting;
    this.#waiting = [];
    this.#next = undefined;
    this.#last = this.#client.query({ ...NOTIFY, values: [payloads] });
    return this.#last;
  }
}

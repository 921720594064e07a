import pg from "pg";
import { PATIENCE } from "../../../dist/bench/peers/peer.js";

/**
 * Awaiting by hand, for peers that have no way to await a job: the job itself tells its result with NOTIFY, and the caller
 * listens. As good as it gets in few lines: results that arrive while a statement is on its way leave together in the
 * next, and what is awaited in the same process takes no NOTIFY at all. What no notification brings is lost.
 */
const CHANNEL = "results";
const NOTIFY = { name: "notify", text: `select pg_notify('${CHANNEL}', payload) from unnest($1::text[]) payload` };

/** The awaiting side. */
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

  /** false where nobody here awaits it. */
  deliver(ref: string, int: number): boolean {
    const resolve = this.#open.get(ref);
    resolve?.(int);
    return resolve !== undefined;
  }

  async close(): Promise<void> {
    await this.#client?.end();
  }
}

/** The telling side. */
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

  /** @param mailbox of this very process, if it awaits too. */
  static async connect(database: string, mailbox?: Mailbox): Promise<Announcer> {
    const client = new pg.Client(database);
    await client.connect();
    return new Announcer(client, mailbox);
  }

  /** Resolves when it is told. */
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

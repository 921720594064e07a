import pg from "pg";

/** One row's fields in PostgreSQL's binary format. Good only while it is being handed over: the driver uses the memory again. */
export type CopiedRow = readonly (Buffer | null)[];

const SIGNATURE = Buffer.from("PGCOPY\n\xff\r\n\0", "latin1");

/**
 * A `COPY … TO STDOUT (FORMAT binary)` under way. The one way by which the driver hands over bytes as they are: of a query's rows it
 * makes text first, so bytes come as hex. 10 MB take the main thread 9 ms this way and 86 that way; 1 MB 1.8 and 5.8.
 * (The driver's own `binary: true` reads bytes as UTF-8, and so ruins them.)
 */
export class CopyOut extends pg.Query {
  readonly #onRow: (row: CopiedRow) => void;
  #begun = false;
  #failure: unknown;

  private constructor(text: string, onRow: (row: CopiedRow) => void, done: (error: unknown) => void) {
    super({ text }, undefined, (error) => done(error ?? this.#failure));
    this.#onRow = onRow;
  }

  /** Runs it on a connection. Rejects with pg's own error, or with what `onRow` threw. */
  static run(client: pg.ClientBase, text: string, onRow: (row: CopiedRow) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      client.query(new CopyOut(text, onRow, (error) => (error ? reject(error as Error) : resolve())));
    });
  }

  /** The driver calls this for each message, which holds whole rows. Never throws: that would be the connection's end. */
  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    if (this.#failure !== undefined) return;
    try {
      this.#read(chunk, this.#begun ? 0 : headerOf(chunk));
      this.#begun = true;
    } catch (error) {
      this.#failure = error;
    }
  }

  #read(chunk: Buffer, start: number): void {
    for (let at = start; at < chunk.length; ) {
      const count = chunk.readInt16BE(at);
      at += 2;
      // The trailer says -1.
      if (count < 0) return;
      const row: (Buffer | null)[] = [];
      for (let field = 0; field < count; field += 1) {
        const length = chunk.readInt32BE(at);
        at += 4;
        row.push(length < 0 ? null : chunk.subarray(at, at + length));
        at += Math.max(0, length);
      }
      this.#onRow(row);
    }
  }
}

/** How long the header is: signature, flags, and an extension of a length that it gives. */
function headerOf(chunk: Buffer): number {
  if (!chunk.subarray(0, SIGNATURE.length).equals(SIGNATURE)) throw new Error("COPY answered in an unknown format");
  const flags = 4;
  return SIGNATURE.length + flags + 4 + chunk.readInt32BE(SIGNATURE.length + flags);
}

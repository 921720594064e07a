import { type Answer } from "../../lib/job/answer.js";
import { MemoryNotifier } from "./memory-notifier.js";
import { Awaiter } from "../../lib/relay/awaiter.js";
import { Dispatcher } from "../../lib/relay/dispatcher.js";
import { formatEnvelope } from "../../lib/relay/envelope.js";
import { Mailbox } from "../../lib/relay/mailbox.js";
import { Reasons } from "../../lib/relay/reasons.js";
import { Reconciler } from "../../lib/relay/reconciler.js";
import { makeRelay, newRef, type Relay } from "../../lib/relay/relay.js";
import { Telemetry } from "../../lib/telemetry.js";
import { decodeJson, MemoryAnswers } from "./answers.js";

const CHANNEL = "relay";

/** The awaiting side wired together as an instance does it, over a table and notifications in memory. */
export class Awaiting {
  readonly notifier = new MemoryNotifier();
  readonly table = new MemoryAnswers();
  readonly telemetry = new Telemetry("test");
  readonly mailbox = new Mailbox(this.telemetry);
  readonly reconciler = new Reconciler(this.mailbox, this.table, this.notifier, this.telemetry);
  readonly awaiter = new Awaiter({
    mailbox: this.mailbox,
    reconciler: this.reconciler,
    reasons: new Reasons(this.table, this.telemetry),
    decode: decodeJson,
    patience: { rows: 1_000, large: 2_000 },
  });

  constructor() {
    const dispatcher = new Dispatcher(this.mailbox, this.reconciler, this.telemetry);
    void this.notifier.listen(CHANNEL, (payload) => dispatcher.receive(payload));
  }

  stop(): void {
    this.reconciler.stop();
    this.mailbox.stop();
  }

  /** A relay as `async` makes it: with a slot, and a row that runs. */
  inserted(worker = "double", queue = "default"): Relay {
    const relay = makeRelay({ id: 1, worker, queue }, "host", newRef());
    this.mailbox.open(relay.ref);
    this.table.put(relay.ref, null, "executing");
    return relay;
  }

  /** Sends an envelope, whatever the row says. */
  notify(relay: Relay, of: Answer): Promise<void> {
    return this.send(formatEnvelope(relay.ref, of));
  }

  send(payload: string): Promise<void> {
    return this.notifier.notify(CHANNEL, payload);
  }
}

import type { Answer } from "../../lib/job/answer.js";
import { formatEnvelope } from "../../lib/relay/envelope.js";
import { makeRelay, newRef, type Relay } from "../../lib/relay/relay.js";
import { Relays, type RelaysOptions } from "../../lib/relay/relays.js";
import { Telemetry } from "../../lib/telemetry.js";
import { decodeJson, MemoryAnswers } from "./answers.js";
import { MemoryNotifier } from "./memory-notifier.js";

const CHANNEL = "relay";

/** The relays of a host, over a table and a notifier in memory. */
export class RelaysFixture {
  readonly notifier = new MemoryNotifier();
  readonly table = new MemoryAnswers();
  readonly telemetry = new Telemetry("test");
  readonly relays: Relays;

  constructor(options: Pick<RelaysOptions, "overdue" | "patience"> = {}) {
    const { notifier, telemetry } = this;
    this.relays = new Relays({ source: this.table, notifier, telemetry, decode: decodeJson, ...options });
    void notifier.listen(CHANNEL, (payload) => this.relays.receive(payload));
  }

  stop(): void {
    this.relays.stop(new Error("the test is over"));
  }

  /** A relay as `async` returns it: with a slot, and a row that is executing. */
  inserted(worker = "double", queue = "default"): Relay {
    const relay = makeRelay({ id: 1, worker, queue }, "host", newRef());
    this.relays.open(relay.ref);
    this.table.put(relay.ref, null, "executing");
    return relay;
  }

  /** A relay of another host: without a slot here. */
  foreign(worker = "double", queue = "default"): Relay {
    return makeRelay({ id: 1, worker, queue }, "another", newRef());
  }

  /** Stores an answer in the row, then notifies of it. */
  complete(relay: Relay, answer: Answer): Promise<void> {
    this.table.put(relay.ref, answer);
    return this.notify(relay, answer);
  }

  /** Notifies of an answer, whatever the row says. */
  notify(relay: Relay, answer: Answer): Promise<void> {
    return this.send(formatEnvelope(relay.ref, answer));
  }

  /** Sends any payload to the host's channel. */
  send(payload: string): Promise<void> {
    return this.notifier.notify(CHANNEL, payload);
  }
}

import { expect } from "chai";
import fc from "fast-check";
import { ANSWER_KINDS } from "../../lib/job/answer.js";
import { type Delivery, Mailbox } from "../../lib/relay/mailbox.js";
import { Telemetry } from "../../lib/telemetry.js";
import { answer, value } from "../support/answers.js";

function delivery(of: ReturnType<typeof value>): Delivery {
  return { answer: of, via: "local" };
}

const first = delivery(value(1));
const second = delivery(value(2));
const failed = delivery(answer(ANSWER_KINDS.failed, { error: "no" }));

describe("the mailbox", () => {
  let mailbox: Mailbox;

  beforeEach(() => {
    mailbox = new Mailbox(new Telemetry("test"));
  });

  it("accepts nothing for a ref without a slot", () => {
    expect(mailbox.deliver("a", first)).to.equal(false);
    expect(mailbox.size).to.equal(0);
  });

  it("keeps the first answer and drops a second one", () => {
    mailbox.open("a");
    expect(mailbox.deliver("a", first)).to.equal(true);
    expect(mailbox.deliver("a", second)).to.equal(false);
    expect(mailbox.take("a", "first")).to.equal(first);
  });

  it("keeps the first outcome, and the final one for waiters with retries", () => {
    mailbox.open("a");
    mailbox.deliver("a", failed);
    expect(mailbox.take("a", "first")).to.equal(failed);
    expect(mailbox.take("a", "final")).to.equal(null);
    mailbox.deliver("a", first);
    expect(mailbox.take("a", "first")).to.equal(failed);
    expect(mailbox.take("a", "final")).to.equal(first);
  });

  it("calls each waiter once, and none that was released", () => {
    const heard: string[] = [];
    mailbox.wait("a", "first", () => heard.push("first"));
    mailbox.wait("a", "final", () => heard.push("final"));
    const gone = () => heard.push("gone");
    mailbox.wait("a", "first", gone);
    mailbox.release("a", gone);
    mailbox.deliver("a", failed);
    mailbox.deliver("a", first);
    mailbox.deliver("a", second);
    expect(heard).to.deep.equal(["first", "final"]);
    expect(mailbox.awaited).to.equal(0);
  });

  it("tells waiters that the row is gone, and keeps no slot", () => {
    const heard: unknown[] = [];
    mailbox.wait("a", "final", (delivered) => heard.push(delivered));
    mailbox.gone("a");
    expect(heard).to.deep.equal(["gone"]);
    expect(mailbox.size).to.equal(0);
  });

  it("evicts the oldest slots over its limit of bytes, but no awaited one", () => {
    const telemetry = new Telemetry("test");
    const small = new Mailbox(telemetry, { age: 60_000, takenAge: 60_000, bytes: 10_000 });
    small.wait("awaited", "first", () => {});
    for (let number = 0; number < 1_000; number += 1) small.open(`ref ${number}`);
    expect(small.size).to.be.below(60);
    expect(small.has("awaited")).to.equal(true);
    expect(small.has("ref 999")).to.equal(true);
    expect(telemetry.counts()["slot:evicted"]).to.equal(1_001 - small.size);
  });

  it("evicts slots over its limit of age", () => {
    const telemetry = new Telemetry("test");
    const old = new Mailbox(telemetry, { age: -1, takenAge: 60_000, bytes: 1_000_000 });
    old.open("a");
    const waiter = () => {};
    old.wait("b", "first", waiter);
    old.evictExpired();
    expect([old.has("a"), old.has("b")]).to.deep.equal([false, true]);
    old.release("b", waiter);
    old.evictExpired();
    expect(old.size).to.equal(0);
    expect(telemetry.counts()).to.deep.equal({ "slot:evicted": 2 });
  });

  it("evicts slots soon after their final answer was taken, without an event", () => {
    const telemetry = new Telemetry("test");
    const soon = new Mailbox(telemetry, { age: 60_000, takenAge: -1, bytes: 1_000_000 });
    for (const ref of ["a", "b", "c", "d"]) soon.open(ref);
    soon.deliver("a", delivery(value(1)));
    soon.wait("b", "first", () => {});
    soon.deliver("b", delivery(value(2)));
    soon.deliver("c", failed);
    soon.take("c", "first");
    soon.deliver("d", delivery(value(4)));
    soon.take("d", "final");
    soon.evictExpired();
    expect(["a", "b", "c", "d"].filter((ref) => soon.has(ref))).to.deep.equal(["a", "c"]);
    expect(telemetry.counts()).to.deep.equal({});
  });

  it("keeps its limit of bytes while answers arrive that nobody takes", () => {
    const small = new Mailbox(new Telemetry("test"), { age: 60_000, takenAge: 60_000, bytes: 100_000 });
    for (let number = 0; number < 100; number += 1) small.open(`ref ${number}`);
    const large = { ...delivery(value(1)), answer: { ...value(1), bytes: new Uint8Array(10_000) } };
    for (let number = 0; number < 100; number += 1) small.deliver(`ref ${number}`, large);
    expect(small.size).to.be.below(15);
  });

  it("evicts large answers first, and small ones only if that is not enough", () => {
    const telemetry = new Telemetry("test");
    const box = new Mailbox(telemetry, { age: 60_000, takenAge: 60_000, bytes: 1_000_000 });
    const of = (size: number) => ({ ...delivery(value(1)), answer: { ...value(1), bytes: new Uint8Array(size) } });
    for (let number = 0; number < 1_000; number += 1) box.open(`small ${number}`);
    for (let number = 0; number < 20; number += 1) {
      box.open(`large ${number}`);
      box.deliver(`large ${number}`, of(200_000));
    }
    expect(box.size).to.equal(1_002);
    expect(box.take("large 18", "first")).to.not.equal(null);
    let taken = 0;
    box.open("awaited");
    box.wait("awaited", "first", () => {
      taken += 1;
    });
    box.deliver("awaited", of(5_000_000));
    expect(taken, "an answer over the limit reaches its waiter").to.equal(1);
    box.open("another");
    expect(box.has("awaited"), "and is not kept").to.equal(false);
    expect(box.size).to.be.within(990, 1_001);
  });

  it("accepts final answers for slots without one", () => {
    expect(mailbox.accepts("a", "final")).to.equal(false);
    mailbox.open("a");
    mailbox.deliver("a", failed);
    expect(mailbox.accepts("a", "final")).to.equal(true);
    mailbox.deliver("a", first);
    expect(mailbox.accepts("a", "final")).to.equal(false);
  });

  it("keeps its rules under any order of calls", () => {
    const refs = fc.constantFrom("a", "b", "c");
    const step = fc.oneof(
      fc.record({ do: fc.constant("open" as const), ref: refs }),
      fc.record({
        do: fc.constant("wait" as const),
        ref: refs,
        which: fc.constantFrom("first" as const, "final" as const),
      }),
      fc.record({ do: fc.constant("deliver" as const), ref: refs, final: fc.boolean() }),
      fc.record({ do: fc.constant("gone" as const), ref: refs }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const box = new Mailbox(new Telemetry("test"));
        const slots = new Map<string, { first: Delivery | null; final: Delivery | null }>();
        let waiting = 0;
        let called = 0;
        for (const todo of steps) {
          const slot = slots.get(todo.ref);
          if (todo.do === "open") box.open(todo.ref);
          if (todo.do === "gone") {
            box.gone(todo.ref);
            slots.delete(todo.ref);
          }
          if (todo.do === "open" && slot === undefined) slots.set(todo.ref, { first: null, final: null });
          if (todo.do === "wait" && box.take(todo.ref, todo.which) === null) {
            waiting += 1;
            box.wait(todo.ref, todo.which, () => {
              called += 1;
            });
            if (slot === undefined) slots.set(todo.ref, { first: null, final: null });
          }
          if (todo.do === "deliver") {
            const delivered = todo.final ? delivery(value(steps.indexOf(todo))) : failed;
            const news = slot !== undefined && slot.final === null && (todo.final || slot.first === null);
            expect(box.deliver(todo.ref, delivered)).to.equal(news);
            if (news && slot !== undefined) {
              slot.first ??= delivered;
              if (todo.final) slot.final = delivered;
            }
          }
          for (const [ref, { first: one, final: last }] of slots) {
            expect(box.take(ref, "first")).to.equal(one);
            expect(box.take(ref, "final")).to.equal(last);
          }
          expect(box.size).to.equal(slots.size);
          expect(called).to.be.at.most(waiting);
        }
        for (const ref of ["a", "b", "c"]) box.gone(ref);
        expect(called).to.equal(waiting);
        expect(box.awaited).to.equal(0);
      }),
    );
  });
});

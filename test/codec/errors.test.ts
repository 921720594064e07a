import { types } from "node:util";
import { runInNewContext } from "node:vm";
import { expect } from "chai";
import { decode, encode } from "../../lib/codec/codec.js";
import type { ErrorClass } from "../../lib/codec/error-classes.js";
import {
  BatonError,
  DecodeError,
  EncodeError,
  InvalidJobError,
  JobDiscardedError,
  ThreadCrashError,
} from "../../lib/errors.js";

function trip<T>(value: T, errors?: readonly ErrorClass[]): T {
  return decode(encode(value), { errors }) as T;
}

class PaymentError extends Error {
  static ran = 0;
  readonly status: number;

  constructor(message: string, status: number, options?: ErrorOptions) {
    super(message, options);
    PaymentError.ran++;
    this.status = status;
  }

  get summary(): string {
    return `${this.message} (${this.status})`;
  }
}

class NamedError extends TypeError {
  override name = "NamedError";
}

describe("an error comes back", () => {
  for (const Class of [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]) {
    it(`as a ${Class.name}`, () => {
      const error = new Class("out of range");
      const back = trip(error);
      expect(back).to.be.instanceOf(Class);
      expect(Object.getPrototypeOf(back)).to.equal(Class.prototype);
      expect(types.isNativeError(back)).to.equal(true);
      expect([back.name, back.message, back.stack]).to.deep.equal([error.name, error.message, error.stack]);
      expect(Object.getOwnPropertyNames(back).sort()).to.deep.equal(["message", "stack"]);
      expect(Object.keys(back)).to.deep.equal([]);
      expect(String(back)).to.equal(String(error));
    });
  }

  it("with its cause, and the cause of that", () => {
    const back = trip(new Error("a", { cause: new TypeError("b", { cause: { code: 5 } }) }));
    expect(back.cause).to.be.instanceOf(TypeError);
    expect((back.cause as Error).cause).to.deep.equal({ code: 5 });
    expect(Object.keys(back)).to.deep.equal([]);
    expect(Object.hasOwn(trip(new Error("none")), "cause")).to.equal(false);
    expect(Object.hasOwn(trip(new Error("undefined", { cause: undefined })), "cause")).to.equal(true);
  });

  it("with a cause that leads back to it", () => {
    const error = new Error("loop");
    error.cause = { list: [error] };
    const back = trip(error);
    expect((back.cause as { list: unknown[] }).list[0]).to.equal(back);
  });

  it("with the errors of an AggregateError", () => {
    const back = trip(new AggregateError([new RangeError("one"), "two"], "both"));
    expect(back).to.be.instanceOf(AggregateError);
    expect(back.message).to.equal("both");
    expect(back.errors[0]).to.be.instanceOf(RangeError);
    expect(back.errors[1]).to.equal("two");
    expect(Object.keys(back)).to.deep.equal([]);
  });

  it("with its own properties, in their order", () => {
    const back = trip(Object.assign(new Error("e"), { code: "ENOENT", errno: -2, path: new Map([[1, 2]]) }));
    expect(Object.entries(back)).to.deep.equal([
      ["code", "ENOENT"],
      ["errno", -2],
      ["path", new Map([[1, 2]])],
    ]);
    const odd = trip(Object.defineProperty(new Error("e"), "__proto__", { value: 1, enumerable: true }));
    expect(Object.getPrototypeOf(odd)).to.equal(Error.prototype);
  });

  it("from the system, with its code", () => {
    let thrown: unknown;
    try {
      process.chdir("/no/such/place");
    } catch (error) {
      thrown = error;
    }
    expect(trip(thrown)).to.include({ code: "ENOENT", syscall: "chdir" });
  });

  it("without a message or a stack if it has none", () => {
    const error = new Error();
    delete error.stack;
    const back = trip(error);
    expect(Object.hasOwn(back, "message")).to.equal(false);
    expect(back.stack).to.equal(undefined);
  });

  it("from another realm as one of this realm", () => {
    const back = trip(runInNewContext("new RangeError('there')") as Error);
    expect(back).to.be.instanceOf(RangeError);
    expect(back.message).to.equal("there");
  });

  it("as a DOMException with its name and code", () => {
    const back = trip(new DOMException("stopped", "AbortError"));
    expect(back).to.be.instanceOf(DOMException);
    expect([back.name, back.message, back.code]).to.deep.equal(["AbortError", "stopped", 20]);
    expect(trip(AbortSignal.abort().reason as Error).name).to.equal("AbortError");
  });

  it("whole inside a value", () => {
    const error = new RangeError("inside");
    const back = trip({ results: [{ error }, { error }] });
    expect(back.results[0]?.error).to.equal(back.results[1]?.error).and.to.be.instanceOf(RangeError);
  });

  it("without a stack of the place where it was decoded, and leaves stackTraceLimit alone", () => {
    const before = Error.stackTraceLimit;
    const error = new Error("e");
    error.stack = "Error: e\n    at somewhere:1:1";
    expect(trip(error).stack).to.equal("Error: e\n    at somewhere:1:1");
    expect(Error.stackTraceLimit).to.equal(before);
    expect(() => decode(encode(error).subarray(0, 5))).to.throw(DecodeError);
    expect(Error.stackTraceLimit).to.equal(before);
  });
});

describe("an error of the caller's own class comes back", () => {
  it("as its class if registered, without running the constructor", () => {
    const error = new PaymentError("declined", 402, { cause: "card" });
    const ran = PaymentError.ran;
    const back = trip(error, [PaymentError]);
    expect(back).to.be.instanceOf(PaymentError);
    expect(PaymentError.ran).to.equal(ran);
    expect(back.summary).to.equal("declined (402)");
    expect([back.message, back.stack, back.cause, back.status]).to.deep.equal(["declined", error.stack, "card", 402]);
    expect(types.isNativeError(back)).to.equal(true);
  });

  it("as an Error if not registered", () => {
    const back = trip(new PaymentError("declined", 402));
    expect(Object.getPrototypeOf(back)).to.equal(Error.prototype);
    expect(back).to.include({ name: "Error", message: "declined", status: 402 });
  });

  it("as the built-in class that it extends, with its name", () => {
    const back = trip(new NamedError("mine"));
    expect(Object.getPrototypeOf(back)).to.equal(TypeError.prototype);
    expect(back.name).to.equal("NamedError");
    expect(String(back)).to.equal("NamedError: mine");
    expect(Object.keys(back)).to.deep.equal(["name"]);
  });

  it("as the registered class that its name refers to", () => {
    const error = new Error("by name");
    error.name = "PaymentError";
    expect(trip(error, [PaymentError])).to.be.instanceOf(PaymentError);
  });

  it("with a name that is not enumerable, if it was not", () => {
    const back = trip(Object.defineProperty(new Error("e"), "name", { value: "Quiet" }));
    expect(back.name).to.equal("Quiet");
    expect(Object.keys(back)).to.deep.equal([]);
  });

  it("as its class inside causes and AggregateErrors too", () => {
    const back = trip(new AggregateError([new Error("x", { cause: new PaymentError("p", 1) })]), [PaymentError]);
    expect((back.errors[0] as Error).cause).to.be.instanceOf(PaymentError);
  });

  it("as a DecodeError if the class cannot be constructed", () => {
    class Hostile extends Error {
      override get name(): string {
        throw new Error("no name");
      }
    }
    const bytes = encode(Object.assign(new Error("e"), { name: "Hostile" }));
    expect(() => decode(bytes, { errors: [Hostile] })).to.throw(DecodeError, "no name");
  });
});

describe("Baton's own errors come back as their classes, registered or not", () => {
  const errors: readonly BatonError[] = [
    new EncodeError("$.a", "a function"),
    new DecodeError("bad"),
    new InvalidJobError("double", [{ field: "queue", problem: "is empty" }]),
    new JobDiscardedError("discarded", { why: [1] }),
    new ThreadCrashError("exit 1", { cause: new Error("inner") }),
  ];
  for (const error of errors) {
    it(error.name, () => {
      const back = trip(error);
      expect(back).to.be.instanceOf(error.constructor).and.to.be.instanceOf(BatonError);
      expect(Object.getPrototypeOf(back)).to.equal(Object.getPrototypeOf(error));
      expect([back.name, back.message, back.code]).to.deep.equal([error.name, error.message, error.code]);
      expect(Object.entries(back)).to.deep.equal(Object.entries(error));
    });
  }
});

/**
 * Shifts the clock of this realm by CLOCK_SHIFT ms. Pass it to node as
 * `--import`, which its threads and forked processes inherit.
 */
const shift = Number(process.env.CLOCK_SHIFT ?? 0);
const rightNow = Date.now;

Date.now = () => rightNow() + shift;

globalThis.Date = new Proxy(Date, {
  construct: (target, given, newTarget) =>
    Reflect.construct(target, given.length === 0 ? [Date.now()] : given, newTarget) as Date,
  apply: () => new Date().toString(),
});
// oxlint-disable-next-line no-extend-native -- dates must know the shifted constructor
Object.defineProperty(Date.prototype, "constructor", { value: Date, configurable: true, writable: true });

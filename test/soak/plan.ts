/** The faults of a soak and their times. Pure, and the same for the same seed. */

/** Faults of one host. */
type HostFault = "kill a host" | "freeze a host" | "restart a host";
/** Faults of connections. */
type Cut = "cut all connections" | "cut who listens" | "cut statements";
/** Faults during which the database is up and does nothing. */
type Stall = "freeze PostgreSQL" | "lock the jobs";

export type FaultKind = HostFault | Cut | Stall | "crash PostgreSQL";

/** A fault, `at` so many ms after the start. `host` is the place of a host among those that run. */
export type Fault = { readonly at: number } & (
  | { readonly kind: "kill a host" | "restart a host"; readonly host: number }
  | { readonly kind: "freeze a host"; readonly host: number; readonly ms: number }
  | { readonly kind: Cut }
  | { readonly kind: Stall | "crash PostgreSQL"; readonly ms: number }
);

/** The faults of a short run. A kind that is listed several times is as many times as frequent. */
export const SHORT: readonly FaultKind[] = [
  "kill a host",
  "kill a host",
  "kill a host",
  "freeze a host",
  "cut all connections",
  "cut who listens",
  "cut statements",
  "crash PostgreSQL",
];

/** All faults. Stalls take 5 to 20 s each, for runs of a minute or more. */
export const ALL: readonly FaultKind[] = [...SHORT, "restart a host", "freeze PostgreSQL", "lock the jobs"];

/** The shortest and longest stall, in ms. */
const STALLS: Readonly<Record<Stall, readonly [number, number]>> = {
  "freeze PostgreSQL": [5_000, 20_000],
  "lock the jobs": [6_000, 18_000],
};

/** ms without faults at the beginning and at the end. */
const CALM = 1_000;
const CALM_END = 2_000;

/** The options of a plan. */
export interface PlanOptions {
  readonly seed: number;
  /** Its duration, in ms. */
  readonly lasts: number;
  readonly kinds: readonly FaultKind[];
  /** The number of hosts. */
  readonly hosts: number;
}

/**
 * Plans faults in order, about one every two seconds. While the database
 * stalls, only hosts have faults.
 */
export function planFaults({ seed, lasts, kinds, hosts }: PlanOptions): Fault[] {
  const random = generator(seed);
  const faults: Fault[] = [];
  let stalledUntil = 0;
  for (let at = CALM + random() * 500; at < lasts - CALM_END; at += 500 + random() * 3_000) {
    const kind = kinds[Math.floor(random() * kinds.length)] as FaultKind;
    const host = Math.floor(random() * hosts);
    const share = random();
    const ms = Math.round(300 + share * 1_700);
    if (kind === "kill a host" || kind === "restart a host") faults.push({ at, kind, host });
    else if (kind === "freeze a host") faults.push({ at, kind, host, ms });
    else if (at < stalledUntil) continue;
    else if (kind === "crash PostgreSQL") faults.push({ at, kind, ms });
    else if (kind === "freeze PostgreSQL" || kind === "lock the jobs") {
      const [from, to] = STALLS[kind];
      const stall = { at, kind, ms: Math.round(from + share * (to - from)) };
      stalledUntil = at + stall.ms;
      faults.push(stall);
    } else faults.push({ at, kind });
  }
  return faults;
}

/** A seeded generator of numbers in [0, 1) (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What goes wrong in a soak, and when: the same for the same seed. Pure. */

/** What can go wrong. `host` is the first or the second. */
export type Fault =
  | { readonly at: number; readonly kind: "kill a host"; readonly host: 0 | 1 }
  | { readonly at: number; readonly kind: "freeze a host"; readonly host: 0 | 1; readonly ms: number }
  | { readonly at: number; readonly kind: "cut all connections" | "cut who listens" | "cut statements" }
  | { readonly at: number; readonly kind: "crash PostgreSQL"; readonly ms: number };

const KINDS: readonly Fault["kind"][] = [
  "kill a host",
  "kill a host",
  "kill a host",
  "freeze a host",
  "cut all connections",
  "cut who listens",
  "cut statements",
  "crash PostgreSQL",
];

/** ms without faults at the beginning and at the end. */
const CALM = 1_000;
const CALM_END = 2_000;

/** Faults for a run of so many ms, about one in two seconds, in order. */
export function planFaults(seed: number, ms: number, crashes: boolean): Fault[] {
  const random = generator(seed);
  const faults: Fault[] = [];
  for (let at = CALM + random() * 500; at < ms - CALM_END; at += 500 + random() * 3_000) {
    const kind = KINDS[Math.floor(random() * KINDS.length)] as Fault["kind"];
    const host = random() < 0.5 ? 0 : 1;
    const lasts = Math.round(300 + random() * 1_700);
    if (kind === "kill a host") faults.push({ at, kind, host });
    else if (kind === "freeze a host") faults.push({ at, kind, host, ms: lasts });
    else if (kind !== "crash PostgreSQL") faults.push({ at, kind });
    else if (crashes) faults.push({ at, kind, ms: lasts });
  }
  return faults;
}

/** Numbers in [0, 1) that a seed decides (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

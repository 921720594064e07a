import { ratios, summarize } from "../../../dist/bench/support/stats.js";
import type { PeerName, Work } from "./arguments.js";
import type { Row } from "./report.js";

/** What a peer's turn came to: figures by name, or why there are none. */
export type Turn = { readonly figures: Readonly<Record<string, number>> } | { readonly failed: string };

/** All turns of one work, by peer, round by round. */
export type Turns = ReadonlyMap<PeerName, readonly Turn[]>;

/** Apart by more than this, the CPU checks say that somebody else had the machine. */
const DISTURBED = 1.15;

export function rowOf(peer: PeerName, turns: Turns): Row {
  const failed = failureOf(turns.get(peer));
  if (failed !== null) return { peer, figures: {}, lost: null, failed };
  const series = seriesOf(turns.get(peer));
  const figures = Object.fromEntries(Object.entries(series).map(([name, values]) => [name, summarize(values)]));
  const floor = seriesOf(turns.get("piscina"));
  if (series["jobs"] !== undefined && floor["jobs"] !== undefined) {
    figures["ofPiscina"] = summarize(ratios(series["jobs"], floor["jobs"]));
  }
  return { peer, figures, lost: series["lost"]?.reduce((sum, one) => sum + one, 0) ?? null, failed: null };
}

/** @param checks ms that the same small computation took before each turn. */
export function disturbance(work: Work, checks: readonly number[]): string[] {
  const apart = Math.max(...checks) / Math.min(...checks);
  if (!(apart > DISTURBED)) return [];
  const percent = Math.round((apart - 1) * 100);
  return [
    `DISTURBED  ${work}: the same computation took up to ${percent} % longer between turns, others use this machine`,
  ];
}

export function failures(work: Work, turns: Turns): string[] {
  return [...turns].flatMap(([peer, rounds]) => {
    const failed = failureOf(rounds);
    return failed === null ? [] : [`FAILED  ${work}: ${peer}: ${failed}`];
  });
}

function failureOf(rounds: readonly Turn[] = []): string | null {
  for (const round of rounds) if ("failed" in round) return round.failed;
  return null;
}

function seriesOf(rounds: readonly Turn[] = []): Readonly<Record<string, number[]>> {
  const series: Record<string, number[]> = {};
  for (const round of rounds) {
    if ("failed" in round) continue;
    for (const [name, value] of Object.entries(round.figures)) (series[name] ??= []).push(value);
  }
  return series;
}

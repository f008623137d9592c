// Whether a pair's numbers can be trusted now, in the words and shapes of the page.

import type { Pair, PairState } from "./document";

/** Books are published in these states alone. */
export function isVerified(state: PairState): boolean {
  return state === "live" || state === "suspect";
}

/** A share of time as a percentage. Never rounded up: 100 % means all of it. Null: not known. */
export function percent(share: number | null): string | null {
  if (share === null || share < 0 || share > 1) return null;
  if (share === 1) return "100 %";
  // The small addend undoes what doubles lose: 0.57 * 10000 is 5699.999...
  const hundredths = Math.min(9_999, Math.floor(share * 10_000 + 1e-7));
  return `${(hundredths / 100).toFixed(hundredths >= 9_900 ? 2 : 1)} %`;
}

export type Audit = { kind: "none" } | { kind: "equal"; times: number } | { kind: "drift"; times: number; drift: number };

/** What the comparisons of the kept book with the exchange's own have shown. Null: the host doesn't say. */
export function audit(pair: Pick<Pair, "audits" | "drift">): Audit | null {
  if (pair.audits === null || pair.drift === null) return null;
  if (pair.drift > 0) return { kind: "drift", times: pair.audits, drift: pair.drift };
  return pair.audits > 0 ? { kind: "equal", times: pair.audits } : { kind: "none" };
}

export type Delay = { kind: "none" } | { kind: "differ" } | { kind: "known"; p50: number; p99: number } | { kind: "unchecked"; p50: number; p99: number };

/** The way from the exchange to the host, if the two clocks agree well enough to tell. */
export function delay(pair: Pick<Pair, "delayP50Ms" | "delayP99Ms" | "delayReliable">): Delay {
  const { delayP50Ms: p50, delayP99Ms: p99 } = pair;
  if (pair.delayReliable === "no") return { kind: "differ" };
  if (p50 === null || p99 === null) return { kind: "none" };
  return { kind: pair.delayReliable === "yes" ? "known" : "unchecked", p50, p99 };
}

/** Bytes in the unit that a person reads: 793 B, 7.2 kB, 1.3 MB. */
export function bytes(value: number): string {
  if (value < 1_000) return `${Math.round(value)} B`;
  return value < 1_000_000 ? `${(value / 1_000).toFixed(1)} kB` : `${(value / 1_000_000).toFixed(1)} MB`;
}

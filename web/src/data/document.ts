// The document that the host pushes, and the check that nothing else gets into the page.
//
// Every field is checked on its own: one that is missing or of another type becomes null (or empty), never an exception,
// so that a page left open survives a host that is older or newer than it.

export const PAIR_STATES = ["connecting", "subscribing", "live", "suspect", "resyncing", "refused", "stopped"] as const;
export type PairState = (typeof PAIR_STATES)[number] | "unknown";

export const OUTCOMES = ["ok", "provisional", "warming", "unknown", "fault"] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const TRUSTS = ["chain", "checksum", "unverified"] as const;
export type Trust = (typeof TRUSTS)[number];

export const RELIABLE = ["yes", "no", "unknown"] as const;
export type Reliable = (typeof RELIABLE)[number];

export interface Reading {
  outcome: Outcome;
  code: string | null;
  detail: string | null;
  /** Exchange time that is still missing, milliseconds. */
  remainingMs: number | null;
  time: string | null;
  sequence: number | null;
  version: string | null;
  latencyUs: number | null;
  fuel: number | null;
  /** Since the reading was made, milliseconds. */
  ageMs: number | null;
  fields: Record<string, string>;
}

export interface Pair {
  id: string;
  state: PairState;
  since: string | null;
  reason: string | null;
  trust: Trust | null;
  crossed: boolean;
  /** Exchange time of the newest book, RFC 3339. */
  time: string | null;
  sequence: number | null;
  bestBid: string | null;
  bestAsk: string | null;
  bids: number | null;
  asks: number | null;
  frames: number | null;
  gaps: number | null;
  resyncs: number | null;
  restarts: number | null;
  connects: number | null;
  reconnects: number | null;
  joins: number | null;
  /** Comparisons of the kept book with the exchange's own. */
  audits: number | null;
  lastAudit: string | null;
  /** Audits that found the kept book wrong. */
  drift: number | null;
  verifiedSince: string | null;
  /** Of the last hour, 0 to 1. */
  verifiedShare: number | null;
  framesPerSecond: number | null;
  bytesPerSecond: number | null;
  frameBytesP50: number | null;
  frameBytesP99: number | null;
  frameBytesMax: number | null;
  /** From the exchange to the host, milliseconds; worth as much as `delayReliable` says. */
  delayP50Ms: number | null;
  delayP99Ms: number | null;
  delayReliable: Reliable | null;
  /** Since the last frame arrived, milliseconds. */
  ageMs: number | null;
  readings: Record<string, Reading>;
}

export interface State {
  program: string | null;
  version: string | null;
  time: string | null;
  feed: string | null;
  monitoring: Record<string, string>;
  /** Wanted pairs over the limit. */
  leftOut: string[];
  /** Members of the Set of wanted pairs that are no instrument's name. */
  refused: string[];
  pairs: Pair[];
}

type Fields = Record<string, unknown>;

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const text = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);
const number = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);

function oneOf<T extends string>(known: readonly T[], value: unknown): T | null {
  return known.find((word) => word === value) ?? null;
}

/** Strings as they are; numbers and flags as text; lists and tables as JSON; nothing else. */
function strings(value: unknown): Record<string, string> {
  const result: Record<string, string> = {};
  if (!isFields(value)) return result;
  for (const [name, held] of Object.entries(value)) {
    if (held === null || held === undefined) result[name] = "";
    else result[name] = typeof held === "string" ? held : JSON.stringify(held);
  }
  return result;
}

/** Texts as they are; whatever else stands among them is left aside. */
function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((held) => typeof held === "string") : [];
}

/** Reads one reading. Null: this isn't one. */
export function readReading(value: unknown): Reading | null {
  if (!isFields(value)) return null;
  return {
    // A word this page doesn't know can't be shown as a number to trust.
    outcome: oneOf(OUTCOMES, value["outcome"]) ?? "unknown",
    code: text(value["code"]),
    detail: text(value["detail"]),
    remainingMs: number(value["remaining_ms"]),
    time: text(value["time"]),
    sequence: number(value["sequence"]),
    version: text(value["version"]),
    latencyUs: number(value["latency_us"]),
    fuel: number(value["fuel"]),
    ageMs: number(value["age_ms"]),
    fields: strings(value["fields"]),
  };
}

function readPair(value: unknown): Pair | null {
  if (!isFields(value)) return null;
  const id = text(value["instrument_id"]);
  if (id === null) return null;
  const readings: Record<string, Reading> = {};
  if (isFields(value["readings"])) {
    for (const [plugin, held] of Object.entries(value["readings"])) {
      const reading = readReading(held);
      if (reading !== null) readings[plugin] = reading;
    }
  }
  return {
    id,
    state: oneOf(PAIR_STATES, value["state"]) ?? "unknown",
    since: text(value["since"]),
    reason: text(value["reason"]),
    trust: oneOf(TRUSTS, value["trust"]),
    crossed: value["crossed"] === true,
    time: text(value["time"]),
    sequence: number(value["sequence"]),
    bestBid: text(value["best_bid"]),
    bestAsk: text(value["best_ask"]),
    bids: number(value["bids"]),
    asks: number(value["asks"]),
    frames: number(value["frames"]),
    gaps: number(value["gaps"]),
    resyncs: number(value["resyncs"]),
    restarts: number(value["restarts"]),
    connects: number(value["connects"]),
    reconnects: number(value["reconnects"]),
    joins: number(value["joins"]),
    audits: number(value["audits"]),
    lastAudit: text(value["last_audit"]),
    drift: number(value["drift"]),
    verifiedSince: text(value["verified_since"]),
    verifiedShare: number(value["verified_share_1h"]),
    framesPerSecond: number(value["frames_per_second"]),
    bytesPerSecond: number(value["bytes_per_second"]),
    frameBytesP50: number(value["frame_bytes_p50"]),
    frameBytesP99: number(value["frame_bytes_p99"]),
    frameBytesMax: number(value["frame_bytes_max"]),
    delayP50Ms: number(value["delay_ms_p50"]),
    delayP99Ms: number(value["delay_ms_p99"]),
    delayReliable: oneOf(RELIABLE, value["delay_reliable"]),
    ageMs: number(value["age_ms"]),
    readings,
  };
}

/** Reads a pushed document. Null: this isn't one at all. */
export function readState(value: unknown): State | null {
  if (!isFields(value) || !Array.isArray(value["pairs"])) return null;
  return {
    program: text(value["program"]),
    version: text(value["version"]),
    time: text(value["time"]),
    feed: text(value["feed"]),
    monitoring: strings(value["monitoring"]),
    leftOut: texts(value["pairs_left_out"]),
    refused: texts(value["pairs_refused"]),
    pairs: value["pairs"].map(readPair).filter((pair) => pair !== null),
  };
}

/** Reads the readings of a pair, by plugin, as the topic `readings:{id}` brings them; `now` is the host's time. Null: these aren't any. */
export function readReadings(value: unknown, now: string | null): Record<string, Reading> | null {
  if (!isFields(value) || !isFields(value["readings"])) return null;
  const result: Record<string, Reading> = {};
  for (const [plugin, held] of Object.entries(value["readings"])) {
    const reading = readReading(held);
    if (reading === null) continue;
    if (reading.ageMs === null && reading.time !== null && now !== null) {
      const age = Date.parse(now) - Date.parse(reading.time);
      reading.ageMs = Number.isFinite(age) ? Math.max(0, age) : null;
    }
    result[plugin] = reading;
  }
  return result;
}

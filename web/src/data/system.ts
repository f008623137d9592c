// The host's figures that an operator looks at first, read from `system:monitoring` and from the pairs.

import type { Pair } from "./document";
import { figure, short } from "./format";
import { bytes } from "./trust";

export interface Figure {
  name: string;
  /** Fields of `system:monitoring` that it is made of; the first there is counts. */
  fields: readonly string[];
  kind: "count" | "ms" | "bytes" | "rate" | "share" | "flag";
  /** From this value on it wants a look. */
  warnFrom?: number;
}

export const FIGURES: readonly Figure[] = [
  { name: "connections", fields: ["websocket_connections"], kind: "count" },
  { name: "disconnects", fields: ["disconnects"], kind: "count" },
  { name: "reconnects", fields: ["reconnects", "connects"], kind: "count" },
  { name: "throughput", fields: [], kind: "rate" },
  { name: "frame_size", fields: [], kind: "bytes" },
  { name: "memory_lane", fields: ["memory_lane_latency_p99_ms"], kind: "ms", warnFrom: 50 },
  { name: "buffered_lane", fields: ["buffered_lane_latency_p99_ms"], kind: "ms", warnFrom: 50 },
  { name: "redis", fields: ["redis_memory_usage"], kind: "bytes" },
  { name: "history", fields: ["influxdb_write_rate"], kind: "rate" },
  { name: "dropped", fields: ["buffered_lane_dropped"], kind: "count", warnFrom: 1 },
  { name: "faults", fields: ["faults"], kind: "count", warnFrom: 1 },
];

export interface Shown {
  value: string | null;
  beside: string;
  tone: "" | "warn";
}

const held = (monitoring: Record<string, string>, names: readonly string[]): number | null => {
  for (const name of names) {
    const text = monitoring[name];
    if (text !== undefined && text !== "" && Number.isFinite(Number(text))) return Number(text);
  }
  return null;
};
const sum = (pairs: readonly Pair[], of: (pair: Pair) => number | null): number => pairs.reduce((total, pair) => total + (of(pair) ?? 0), 0);

/** A figure as it is shown. Null: the host doesn't say. */
export function figureOf(of: Figure, monitoring: Record<string, string>, pairs: readonly Pair[]): Shown {
  if (of.name === "throughput") {
    return { value: `${figure(sum(pairs, (pair) => pair.framesPerSecond), 3)} /s`, beside: `${bytes(sum(pairs, (pair) => pair.bytesPerSecond))}/s`, tone: "" };
  }
  if (of.name === "frame_size") {
    const largest = pairs.map((pair) => pair.frameBytesP99).filter((size) => size !== null);
    const sizes = pairs.map((pair) => pair.frameBytesP50).filter((size) => size !== null);
    if (sizes.length === 0) return { value: null, beside: "", tone: "" };
    return { value: bytes(sizes.reduce((a, b) => a + b, 0) / sizes.length), beside: largest.length > 0 ? `p99 ${bytes(Math.max(...largest))}` : "", tone: "" };
  }
  const value = held(monitoring, of.fields);
  if (value === null) return { value: null, beside: "", tone: "" };
  const tone = of.warnFrom !== undefined && value >= of.warnFrom ? "warn" : "";
  switch (of.kind) {
    case "ms": {
      const half = held(monitoring, of.fields.map((name) => name.replace("p99", "p50")));
      return { value: `${figure(value, 3)} ms`, beside: half === null ? "" : `p50 ${figure(half, 3)}`, tone };
    }
    case "bytes":
      return { value: bytes(value), beside: of.name === "redis" && monitoring["redis_up"] === "0" ? "↓" : "", tone };
    case "rate":
      return { value: `${short(value)} /s`, beside: "", tone };
    default:
      return { value: short(value), beside: "", tone };
  }
}

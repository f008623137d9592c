// Plugins while the host runs: what is at work, and what can be changed. The shapes are those of the API's OpenAPI document.

import { get, send, upload } from "./client";

export interface Costs {
  calls: number;
  p50_us: number;
  p99_us: number;
  p50_fuel: number;
  p99_fuel: number;
}

export interface Tally {
  calls: number;
  faults: Record<string, number>;
  kills: number;
  recycled: number;
}

export interface AtWork {
  version: string;
  digest: string;
  summary: string;
  lane: string;
  parameters: Record<string, unknown>;
  pair_parameters: Record<string, Record<string, unknown>>;
  schema: Schema;
  outputs: Output[];
  budget: { fuel: number; deadline_ms: number; memory_bytes: number };
  tally: Tally;
  minute: Costs | null;
  headroom_percent: [number, number] | null;
  fuel_per_ms: number;
  pairs: { pair: string; state: string; reason: string; until_ms: number | null; tally: Tally }[];
}

export interface Schema {
  type?: string;
  title?: string;
  properties?: Record<string, Property>;
  required?: string[];
}

export interface Property {
  type?: string | string[];
  title?: string;
  description?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  enum?: unknown[];
  unit?: string;
  "x-unit"?: string;
}

/** What a plugin says of one of its outputs. */
export interface Output {
  /** Its name in `analysis:{id}`. */
  name: string;
  kind: string;
  unit: string;
  low: number | null;
  high: number | null;
  summary: string;
}

export interface KeptVersion {
  version: string;
  digest: string;
  size: number;
  since_ms: number;
}

export interface ShadowField {
  name: string;
  equal: number;
  within_tolerance: number;
  differing: number;
  largest_difference: number | null;
  examples: { pair: string; time_ms: number; live: string; candidate: string }[];
}

export interface ShadowReport {
  plugin: string;
  state: string;
  live_version: string;
  live_digest: string;
  version: string;
  digest: string;
  parameters: string;
  since_ms: number;
  running_ms: number;
  tolerance: number;
  rule: string;
  rule_state: string;
  books: { compared: number; warming: number; unanswered: number; skipped: number };
  agreement: number | null;
  outcome_agreement: number | null;
  state_agreement: number | null;
  fields: ShadowField[];
  outcomes: { live: string; candidate: string; books: number }[];
  live: Costs | null;
  candidate: Costs | null;
  notices: { code: string; live: number; candidate: number }[];
  faults: { total: number; by_code: Record<string, number>; newest: string };
}

export interface PluginState {
  name: string;
  file: string;
  state: string;
  reason: string;
  phase: string;
  problem: string;
  loaded_ms: number | null;
  work: AtWork | null;
  versions: KeptVersion[];
  shadow: ShadowReport | null;
}

export interface LogLine {
  time_ms: number;
  pair: string;
  level: string;
  text: string;
}

const ROOT = "/api/v1/plugins";
const of = (name: string, part = ""): string => `${ROOT}/${encodeURIComponent(name)}${part}`;

export const plugins = (): Promise<PluginState[]> => get(ROOT);
export const plugin = (name: string): Promise<PluginState> => get(of(name));
export const logs = (name: string): Promise<LogLine[]> => get(of(name, "/logs"), { most: 300 });
export const install = (file: Blob): Promise<unknown> => upload("POST", ROOT, file);
export const setParameters = (name: string, parameters: object, pair: string | null): Promise<unknown> =>
  send("PUT", of(name, "/parameters"), parameters, { pair });
export const enable = (name: string): Promise<unknown> => send("POST", of(name, "/enable"));
export const disable = (name: string): Promise<unknown> => send("POST", of(name, "/disable"));
export const shadowFile = (name: string, file: Blob, rule: string): Promise<unknown> => upload("POST", of(name, "/shadow"), file, { rule });
export const promote = (name: string): Promise<unknown> => send("POST", of(name, "/promote"));
export const drop = (name: string): Promise<unknown> => send("DELETE", of(name, "/shadow"));
export const rollback = (name: string, to: string | null): Promise<unknown> => send("POST", of(name, "/rollback"), undefined, { to });

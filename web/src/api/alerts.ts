// Alerts, rules and silences: the calls of the API, in the shapes of its OpenAPI document.

import { get, send } from "./client";

export type Severity = "info" | "warning" | "alert";
export type AlertState = "firing" | "acknowledged" | "resolved";

export interface Alert {
  id: string;
  state: AlertState;
  severity: Severity;
  /** `analysis`, `rule` or `webhook`. */
  source: string;
  name: string;
  pair?: string;
  plugin?: string;
  code: string;
  message: string;
  numbers?: Record<string, number>;
  began_ms: number;
  changed_ms: number;
  ended_ms?: number;
  suppressed?: number;
  acknowledged_by?: string;
  silenced_by?: string;
  host?: string;
}

/** A rule as `config:alert_rules` holds it. */
export interface RuleText {
  field: string;
  comparison: string;
  threshold: number | string;
  clear?: number;
  over?: string;
  for?: string;
  pairs?: string[];
  severity?: Severity;
  cool_down?: string;
  message?: string;
  enabled?: boolean;
}

export interface RuleView {
  name: string;
  rule: RuleText | null;
  own: boolean;
  configured: boolean;
  refused: string | null;
}

export interface SilenceView {
  id: string;
  silence: { pair?: string; plugin?: string; name?: string; source?: string; up_to?: Severity; from?: string; until: string; by?: string; comment?: string } | null;
  holds: boolean;
  refused: string | null;
}

export interface Webhook {
  name: string;
  kind: string;
  place: string;
  failing: boolean;
  waiting: number;
  delivered: number;
  failures: number;
  dropped: number;
  problem: string;
  last_delivered: string;
}

export interface Preview {
  values: number;
  fired: number;
  suppressed: number;
  firing_ms: number;
  times_ms: number[];
}

const ROOT = "/api/v1/alerts";
const named = (part: string, name: string): string => `${ROOT}/${part}/${encodeURIComponent(name)}`;

export const activeAlerts = async (): Promise<Alert[]> => (await get<{ alerts: Alert[] }>(ROOT, { limit: 500 })).alerts;
export const recentAlerts = async (): Promise<Alert[]> => (await get<{ alerts: Alert[] }>(`${ROOT}/recent`, { limit: 500 })).alerts;
export const acknowledge = (id: string): Promise<Alert> => send("POST", `${ROOT}/${encodeURIComponent(id)}/acknowledge`);
export const rules = async (): Promise<RuleView[]> => (await get<{ rules: RuleView[] }>(`${ROOT}/rules`)).rules;
export const setRule = (name: string, rule: RuleText): Promise<unknown> => send("PUT", named("rules", name), rule);
export const removeRule = (name: string): Promise<unknown> => send("DELETE", named("rules", name));
/** What a rule would have done over a span such as `-1d`. */
export const previewRule = (name: string, rule: RuleText, from: string): Promise<Preview> => send("POST", `${named("rules", name)}/preview`, rule, { from });
export const silences = async (): Promise<SilenceView[]> => (await get<{ silences: SilenceView[] }>(`${ROOT}/silences`)).silences;
export const addSilence = (silence: object): Promise<unknown> => send("POST", `${ROOT}/silences`, silence);
export const endSilence = (name: string): Promise<unknown> => send("DELETE", named("silences", name));
export const webhooks = async (): Promise<Webhook[]> => (await get<{ webhooks: Webhook[] }>(`${ROOT}/webhooks`)).webhooks;

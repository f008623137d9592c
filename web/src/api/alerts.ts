// Alerts, rules and silences: the calls of the API, in the shapes of its OpenAPI document.

import { get, send } from "./client";
import type { components } from "./schema";

type Shapes = components["schemas"];
export type Severity = Shapes["Severity"];
export type AlertState = Shapes["AlertState"];
export type Alert = Shapes["Alert"];
/** A rule as `config:alert_rules` holds it. */
export type RuleText = Shapes["RuleText"];
export type RuleView = Shapes["RuleView"];
export type SilenceView = Shapes["SilenceView"];
export type Webhook = Shapes["DeliveryStatus"];
export type Preview = Shapes["Preview"];

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

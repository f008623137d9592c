// Plugins while the host runs: what is at work, and what can be changed. The shapes are those of the API's OpenAPI document.

import { get, send, upload } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];

export type ShadowReport = Schemas["ShadowReport"];
export type PluginState = Schemas["PluginState"];
export type LogLine = Schemas["LogLine"];
/** What a plugin says of one of its outputs. */
export type Output = Schemas["PluginOutput"];

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

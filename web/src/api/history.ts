// What was kept: series, windows over them, and files of them.

import type { Alert } from "./alerts";
import { download, get, type Query } from "./client";

export interface Series {
  measurement: string;
  instrument_id: string;
  source: string;
  field: string;
  first: string;
  last: string;
}

export interface Windows extends Pick<Series, "instrument_id" | "source" | "field"> {
  starts_ms: number[];
  counts: number[];
  means: number[];
  mins: number[];
  maxs: number[];
  lasts: number[];
}

const ROOT = "/api/v1/history";

export const MEASUREMENTS = ["analysis_results", "connection_metrics", "host_metrics"] as const;
export const series = async (from: string, to: string): Promise<Series[]> => (await get<{ series: Series[] }>(`${ROOT}/series`, { from, to })).series;
export const windows = (query: Query): Promise<{ every_ms: number; series: Windows[] }> => get(`${ROOT}/windows`, query);
export const pastAlerts = async (query: Query): Promise<(Omit<Alert, "pair"> & { instrument_id: string; time: string })[]> =>
  (await get<{ alerts: (Omit<Alert, "pair"> & { instrument_id: string; time: string })[] }>(`${ROOT}/alerts`, query)).alerts;
export const exported = (query: Query, format: string): Promise<void> => download(`${ROOT}/export`, { ...query, format }, `leadline.${format}`);

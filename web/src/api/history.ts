// What was kept: series, windows over them, and files of them.

import { download, get, type Query } from "./client";
import type { components } from "./schema";

type Shapes = components["schemas"];
export type Series = Shapes["SeriesView"];
export type Windows = Shapes["WindowsOf"];
export type PastAlert = Shapes["AlertStep"];

const ROOT = "/api/v1/history";

export const MEASUREMENTS = ["analysis_results", "connection_metrics", "host_metrics"] as const;
export const series = async (from: string, to: string): Promise<Series[]> => (await get<{ series: Series[] }>(`${ROOT}/series`, { from, to })).series;
export const windows = (query: Query): Promise<{ every_ms: number; series: Windows[] }> => get(`${ROOT}/windows`, query);
export const pastAlerts = async (query: Query): Promise<PastAlert[]> => (await get<{ alerts: PastAlert[] }>(`${ROOT}/alerts`, query)).alerts;
/** All steps of alerts of a span as a file. */
export const exportedAlerts = (query: Query, format: string): Promise<void> => download(`${ROOT}/alerts/export`, { ...query, format }, `leadline-alerts.${format}`);
export const exported = (query: Query, format: string): Promise<void> => download(`${ROOT}/export`, { ...query, format }, `leadline.${format}`);

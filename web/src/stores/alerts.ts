// The alerts that are on and those told lately, kept up to date by the stream.

import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";

import { activeAlerts, recentAlerts, type Alert } from "../api/alerts";
import { ApiError } from "../api/client";
import { useLive } from "./live";

/** Alerts kept, the newest. */
const MOST = 1_000;
/** Asked for again so often: the stream brings what is new, this mends what it lost. */
const AGAIN_MS = 30_000;

const RANK = { alert: 2, warning: 1, info: 0 } as const;

/** Those that are on first, the worst first, then the newest. */
export function sorted(alerts: Iterable<Alert>): Alert[] {
  const open = (alert: Alert): number => (alert.state === "resolved" ? 0 : 1);
  return [...alerts].sort((a, b) => open(b) - open(a) || (open(a) ? RANK[b.severity] - RANK[a.severity] : 0) || b.changed_ms - a.changed_ms);
}

/** The alerts of news: a list, one alert, or a list under `alerts`. */
export function readAlerts(data: unknown): Alert[] {
  const held = Array.isArray(data) ? data : typeof data === "object" && data !== null && "alerts" in data ? (data as { alerts: unknown }).alerts : [data];
  return (Array.isArray(held) ? held : []).filter((one): one is Alert => typeof one === "object" && one !== null && typeof (one as Alert).id === "string" && typeof (one as Alert).changed_ms === "number");
}

export const useAlerts = defineStore("alerts", () => {
  const live = useLive();
  const byId = shallowRef(new Map<string, Alert>());
  const problem = ref("");
  let timer: number | null = null;
  let leave: (() => void) | null = null;

  const known = computed(() => sorted(byId.value.values()));
  const open = computed(() => known.value.filter((alert) => alert.state === "firing").length);

  /** A later step of an alert stands for the earlier ones. */
  function take(alerts: readonly Alert[]): void {
    if (alerts.length === 0) return;
    const next = new Map(byId.value);
    for (const alert of alerts) {
      const before = next.get(alert.id);
      if (before === undefined || before.changed_ms <= alert.changed_ms) next.set(alert.id, alert);
    }
    byId.value = next.size <= MOST ? next : new Map(sorted(next.values()).slice(0, MOST).map((alert) => [alert.id, alert]));
  }

  async function refresh(): Promise<void> {
    try {
      const [active, recent] = await Promise.all([activeAlerts(), recentAlerts()]);
      take([...recent.reverse(), ...active]);
      problem.value = "";
    } catch (error) {
      problem.value = error instanceof ApiError ? error.message : String(error);
    }
  }

  function start(): void {
    leave = live.follow("alerts", (news) => take(readAlerts(news.data)));
    void refresh();
    timer = window.setInterval(() => void refresh(), AGAIN_MS);
  }
  function stop(): void {
    leave?.();
    if (timer !== null) window.clearInterval(timer);
  }
  return { known, open, problem, take, refresh, start, stop };
});

// Which build of each plugin is at work: several builds may share one version, and a digest tells them apart.

import { onUnmounted, shallowRef, type ShallowRef } from "vue";

import { useLive } from "../stores/live";

export interface Build {
  version: string;
  digest: string;
}

/** Letters of a digest that are shown. */
const SHORT = 8;
export const shortDigest = (digest: string): string => digest.slice(0, SHORT);

/** The builds in what the topic `plugins` brings, by the plugin's name. */
export function readBuilds(value: unknown): Map<string, Build> {
  const held = typeof value === "object" && value !== null && "plugins" in value ? (value as { plugins: unknown }).plugins : null;
  if (typeof held !== "object" || held === null) return new Map();
  return new Map(
    Object.entries(held).flatMap(([name, fields]) => {
      const { version, digest } = (typeof fields === "object" && fields !== null ? fields : {}) as Record<string, unknown>;
      return typeof version === "string" && typeof digest === "string" && digest !== "" ? [[name, { version, digest }] as const] : [];
    }),
  );
}

/** The builds at work, while somebody looks; the same map as long as they stay the same. */
export function useBuilds(): ShallowRef<ReadonlyMap<string, Build>> {
  const held = shallowRef<ReadonlyMap<string, Build>>(new Map());
  let known = "";
  const leave = useLive().follow("plugins", (news) => {
    const next = readBuilds(news.data);
    const text = JSON.stringify([...next]);
    if (text === known) return;
    (known = text), (held.value = next);
  });
  onUnmounted(leave);
  return held;
}

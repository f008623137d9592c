// What the plugins at work say of their outputs: kind, unit, range, a sentence. Asked for once, and again when another version answers.

import { shallowRef, watch, type ShallowRef } from "vue";

import { plugins, type Output } from "../api/plugins";

/** How a field is drawn. */
export type Drawing =
  | { as: "none" }
  | { as: "flag"; yes: boolean }
  | { as: "word"; word: string }
  | { as: "text"; text: string }
  | { as: "number"; value: number; shown: string; /** Where it lies in its range, 0 to 1. */ share: number | null }
  | { as: "table"; columns: string[]; rows: string[][]; more: number }
  | { as: "document"; text: string };

/** Rows of a table that are shown. */
const MOST_ROWS = 12;

const cell = (value: unknown): string => (value === null || value === undefined ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));
const isFlat = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && Object.values(value).every((held) => typeof held !== "object" || held === null);

function documented(value: unknown): Drawing {
  if (Array.isArray(value) && value.length > 0 && value.every(isFlat)) {
    const columns = [...new Set(value.flatMap((row) => Object.keys(row)))];
    return { as: "table", columns, rows: value.slice(0, MOST_ROWS).map((row) => columns.map((name) => cell(row[name]))), more: Math.max(0, value.length - MOST_ROWS) };
  }
  // A table of things by name, such as a component a row.
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const entries = Object.entries(value);
    if (entries.length > 0 && entries.every(([, held]) => isFlat(held))) {
      const rows = entries as [string, Record<string, unknown>][];
      const columns = [...new Set(rows.flatMap(([, row]) => Object.keys(row)))];
      return { as: "table", columns: ["", ...columns], rows: rows.slice(0, MOST_ROWS).map(([name, row]) => [name, ...columns.map((column) => cell(row[column]))]), more: Math.max(0, rows.length - MOST_ROWS) };
    }
  }
  return { as: "document", text: JSON.stringify(value, null, 1) };
}

/** How a value is drawn: by the plugin's description where there is one, else by what it looks like. */
export function drawing(value: string, output: Output | undefined): Drawing {
  if (value === "") return { as: "none" };
  if (value === "true" || value === "false") return { as: "flag", yes: value === "true" };
  if (/^\s*[[{]/.test(value)) {
    try {
      return documented(JSON.parse(value));
    } catch {
      return { as: "text", text: value };
    }
  }
  if (output?.kind === "state") return { as: "word", word: value };
  const number = Number(value);
  if (!Number.isFinite(number) || value.trim() === "") return output === undefined && /^[a-z_]{1,24}$/.test(value) ? { as: "word", word: value } : { as: "text", text: value };
  const bounded = (output?.kind === "ratio" || output?.kind === "score") && output.low != null && output.high != null && output.high > output.low;
  const share = bounded ? Math.min(1, Math.max(0, (number - (output.low ?? 0)) / ((output.high ?? 1) - (output.low ?? 0)))) : null;
  return { as: "number", value: number, shown: value, share };
}

/** The pair's own words for the units that plugins know by their place alone: BTC for `base`, USDT for `quote`. */
export function withUnits(outputs: ReadonlyMap<string, Output>, pair: string): ReadonlyMap<string, Output> {
  const [base = "", quote = ""] = pair.split("-");
  if (base === "" || quote === "") return outputs;
  const words: Record<string, string> = { base, quote };
  return new Map([...outputs].map(([field, output]) => [field, { ...output, unit: words[output.unit] ?? output.unit }] as const));
}

/** The descriptions by the field's name; empty while they aren't known, as from a process without a host. */
export function useOutputs(versions: () => string): ShallowRef<ReadonlyMap<string, Output>> {
  const held = shallowRef<ReadonlyMap<string, Output>>(new Map());
  watch(
    versions,
    async (text) => {
      if (text === "") return;
      try {
        const known = await plugins();
        held.value = new Map(known.flatMap((plugin) => (plugin.work?.outputs ?? []).map((output) => [output.field, output] as const)));
      } catch {
        // Fields are then drawn by what they look like.
      }
    },
    { immediate: true },
  );
  return held;
}

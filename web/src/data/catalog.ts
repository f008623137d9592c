// How the fields of the four analyses are laid out. A plugin that isn't named here is shown all the same, in plain rows.

export type FieldKind = "price" | "size" | "number" | "word";

export interface Headline {
  name: string;
  kind: FieldKind;
}

/** The fields of the Hash `analysis:{id}`, by the plugin that owns them, in the order of reading. */
export const HEADLINES: Record<string, readonly Headline[]> = {
  support_resistance: [
    { name: "support_level_1", kind: "price" },
    { name: "support_level_2", kind: "price" },
    { name: "resistance_level_1", kind: "price" },
    { name: "resistance_level_2", kind: "price" },
  ],
  large_orders: [
    { name: "large_buy_orders", kind: "size" },
    { name: "large_sell_orders", kind: "size" },
    { name: "large_order_trend", kind: "word" },
  ],
  depth_anomaly: [
    { name: "depth_anomaly_score", kind: "number" },
    { name: "depth_anomaly_alert", kind: "word" },
  ],
  liquidity: [
    { name: "liquidity_index", kind: "number" },
    { name: "liquidity_alert", kind: "word" },
  ],
};

export interface Fact {
  name: string;
  kind: FieldKind;
  value: string;
  /** Which side of the book it belongs to, for its colour. */
  side: "bid" | "ask" | "";
}

/** What a tile has room for: of the four analyses their headlines, of another plugin its first three plain fields. */
export function summary(plugin: string, fields: Record<string, string>): Fact[] {
  const side = (name: string): Fact["side"] => (/support|buy/.test(name) ? "bid" : /resistance|sell/.test(name) ? "ask" : "");
  const known = HEADLINES[plugin];
  if (known !== undefined) {
    // The state is what a glance wants: it comes first where there is one. Prices stand in the order of the book, supports before resistances.
    const order = (fact: Fact): number => (fact.kind === "word" ? 0 : fact.side === "ask" ? 2 : 1);
    return known
      .map(({ name, kind }) => ({ name, kind, value: fields[name] ?? "", side: side(name) }))
      .sort((a, b) => order(a) - order(b) || (a.kind === "price" && a.value !== "" && b.value !== "" ? Number(a.value) - Number(b.value) : 0));
  }
  return Object.entries(fields)
    .filter(([, value]) => value !== "" && value.length < 24 && !/^[[{]/.test(value))
    .slice(0, 3)
    .map(([name, value]) => ({ name, value, kind: Number.isFinite(Number(value)) ? ("number" as const) : ("word" as const), side: "" as const }));
}

/** The four analyses first, in their order; any other plugin after them, by name. */
export function inOrder(plugins: Iterable<string>): string[] {
  const known = Object.keys(HEADLINES);
  const others = [...plugins].filter((plugin) => !known.includes(plugin)).sort();
  return [...known, ...others];
}

/** A figure older than this is greyed out: a live pair sends several frames a second. */
export const STALE_MS = 5_000;

/** What a word in a field means for its colour; the word itself is always shown too. */
export function tone(word: string): "good" | "bad" | "warn" | "plain" {
  switch (word) {
    case "normal":
    case "bullish":
      return "good";
    case "warning":
      return "warn";
    case "alert":
    case "bearish":
      return "bad";
    default:
      return "plain";
  }
}

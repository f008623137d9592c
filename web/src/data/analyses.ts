// The lists that the shipped analyses publish as JSON, read with every field checked; what can't be read is left out.

export interface Candidate {
  price: number;
  /** 1 or 2: published as a level; null: a candidate alone. */
  place: number | null;
  strength: number;
  notional: number;
  orders: number | null;
  /** Basis points from the middle. */
  distance: number;
  /** Seconds. */
  age: number;
  state: string;
}

export interface LargeLevel {
  side: "buy" | "sell";
  price: number;
  size: number;
  notional: number;
  orders: number | null;
  distance: number;
  age: number;
  kind: string;
}

export interface Share {
  side: "buy" | "sell";
  from: number;
  to: number;
  notional: number | null;
  share: number | null;
}

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const number = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);
const text = (value: unknown): string => (typeof value === "string" ? value : "");

function parsed(json: string | undefined): Fields {
  if (json === undefined || json === "") return {};
  try {
    const value: unknown = JSON.parse(json);
    return isFields(value) ? value : {};
  } catch {
    return {};
  }
}
const rows = (value: unknown): Fields[] => (Array.isArray(value) ? value.filter(isFields) : []);

/** `support_resistance.levels`: candidates of one side, strongest first. */
export function candidates(json: string | undefined, side: "support" | "resistance"): Candidate[] {
  return rows(parsed(json)[side]).flatMap((row) => {
    const [price, strength] = [number(row["price"]), number(row["strength"])];
    if (price === null || strength === null) return [];
    return [
      {
        price,
        strength,
        place: number(row["place"]),
        notional: number(row["notional"]) ?? 0,
        orders: number(row["orders"]),
        distance: number(row["distance"]) ?? 0,
        age: number(row["age"]) ?? 0,
        state: text(row["state"]),
      },
    ];
  });
}

/** `large_orders.large_levels`: both sides. */
export function largeLevels(json: string | undefined): LargeLevel[] {
  const held = parsed(json);
  return (["buy", "sell"] as const).flatMap((side) =>
    rows(held[side]).flatMap((row) => {
      const [price, size] = [number(row["price"]), number(row["size"])];
      if (price === null || size === null) return [];
      return [
        {
          side,
          price,
          size,
          notional: number(row["notional"]) ?? price * size,
          orders: number(row["orders"]),
          distance: number(row["distance"]) ?? 0,
          age: number(row["age"]) ?? 0,
          kind: text(row["kind"]),
        },
      ];
    }),
  );
}

/** `large_orders.distribution`: both sides by distance. */
export function distribution(json: string | undefined): Share[] {
  const held = parsed(json);
  return (["buy", "sell"] as const).flatMap((side) =>
    rows(held[side]).flatMap((row) => {
      const [from, to] = [number(row["from"]), number(row["to"])];
      return from === null || to === null ? [] : [{ side, from, to, notional: number(row["notional"]), share: number(row["share"]) }];
    }),
  );
}

export interface Component {
  name: string;
  value: number;
  usual: number;
  weight: number;
  /** Why it doesn't count; empty: it does. */
  leftOut: string;
}

/** `liquidity.components`. */
export function components(json: string | undefined): Component[] {
  return Object.entries(parsed(json)).flatMap(([name, held]) => {
    if (!isFields(held)) return [];
    const [value, usual] = [number(held["value"]), number(held["usual"])];
    return value === null || usual === null ? [] : [{ name, value, usual, weight: number(held["weight"]) ?? 0, leftOut: text(held["left_out"]) }];
  });
}

export interface Band {
  side: "bid" | "ask";
  /** How far it reaches from the middle, basis points; bands are nested. */
  bps: number;
  /** Notional in it, and what is usual. Null: it doesn't count now. */
  depth: number | null;
  usual: number | null;
  /** Change against the usual, percent: -40 is 40 % less. */
  change: number | null;
  deviations: number | null;
  /** Why it doesn't count; empty: it does, or has no baseline yet. */
  leftOut: string;
}

/** `depth_anomaly.bands`: a row a side and reach. */
export function bands(json: string | undefined): Band[] {
  if (json === undefined || json === "") return [];
  try {
    return rows(JSON.parse(json)).flatMap((row) => {
      const [side, bps, below] = [row["side"], number(row["bps"]), number(row["below_percent"])];
      if ((side !== "bid" && side !== "ask") || bps === null) return [];
      return [{ side, bps, depth: number(row["depth"]), usual: number(row["usual"]), change: below === null ? null : -below, deviations: number(row["deviations"]), leftOut: text(row["left_out"]) }];
    });
  } catch {
    return [];
  }
}

/** The band that lies lowest against what is usual. Null: none has a baseline. */
export function lowest(held: readonly Band[]): (Band & { change: number }) | null {
  const known = held.filter((band): band is Band & { change: number } => band.change !== null);
  return known.reduce<(Band & { change: number }) | null>((low, band) => (low === null || band.change < low.change ? band : low), null);
}

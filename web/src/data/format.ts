// Numbers as people read them. Prices arrive as text on the instrument's tick grid, and their digits are kept as sent.

const THIN_SPACE = "\u202f";
const NUMBER = /^([+-]?)(\d+)(\.\d+)?$/;

/** Groups the whole part in threes: 30199.9 becomes 30 199.9. Anything that isn't a plain number stays as it is. */
export function grouped(value: string): string {
  const match = NUMBER.exec(value);
  if (match === null) return value;
  const [, sign = "", whole = "", fraction = ""] = match;
  return sign + whole.replace(/\B(?=(\d{3})+$)/g, THIN_SPACE) + fraction;
}

/** The difference of two decimal texts, exact, with as many decimals as the longer one. Null: not both numbers. */
export function difference(low: string | null, high: string | null): string | null {
  const a = low === null ? null : NUMBER.exec(low);
  const b = high === null ? null : NUMBER.exec(high);
  if (!a || !b) return null;
  const decimals = Math.max((a[3] ?? ".").length, (b[3] ?? ".").length) - 1;
  const scaled = (match: RegExpExecArray): bigint => {
    const value = BigInt((match[2] ?? "") + (match[3] ?? ".").slice(1).padEnd(decimals, "0"));
    return match[1] === "-" ? -value : value;
  };
  const result = scaled(b) - scaled(a);
  const digits = (result < 0n ? -result : result).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = decimals === 0 ? "" : `.${digits.slice(digits.length - decimals)}`;
  return (result < 0n ? "-" : "") + whole + fraction;
}

/** The middle of the best prices. Null: no two prices. */
export function middle(bid: string | null, ask: string | null): number | null {
  if (bid === null || ask === null) return null;
  const value = (Number(bid) + Number(ask)) / 2;
  return Number.isFinite(value) && value > 0 ? value : null;
}

/** A number with at most `digits` significant digits, grouped; no exponent. */
export function figure(value: number, digits = 5): string {
  if (!Number.isFinite(value)) return "–";
  const places = value === 0 ? 0 : Math.max(0, Math.min(10, digits - 1 - Math.floor(Math.log10(Math.abs(value)))));
  return grouped(value.toFixed(places));
}

/** A number with at most `digits` significant digits and no zeros at its end: a threshold, a value that stands alone. */
export function plain(value: number, digits = 5): string {
  const shown = figure(value, digits);
  return shown.includes(".") ? shown.replace(/\.?0+$/, "") : shown;
}

/** A reading's number: two decimals, fewer where it is large, more where two would leave nothing of it. */
export function measured(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size > 0 && size < 0.01) return plain(value, 2);
  return grouped(value.toFixed(size >= 1_000 ? 0 : size >= 100 ? 1 : 2));
}

/** Decimals of a number's text. */
export const decimalsOf = (text: string): number => (NUMBER.exec(text)?.[3] ?? ".").length - 1;

/** The most decimals among texts: on one tick grid, numbers of one column are shown with as many. */
export const mostDecimals = (texts: Iterable<string | null>): number => [...texts].reduce((most, text) => Math.max(most, text === null ? 0 : decimalsOf(text)), 0);

/** A number's text with zeros added up to so many decimals, since the exchange leaves them out; grouped. Anything else stays as it is. */
export function padded(text: string, decimals: number): string {
  const missing = NUMBER.test(text) ? decimals - decimalsOf(text) : 0;
  if (missing <= 0) return grouped(text);
  return grouped(text.includes(".") ? text + "0".repeat(missing) : `${text}.${"0".repeat(missing)}`);
}

/** A number with exactly so many decimals, grouped. */
export const fixed = (value: number, decimals: number): string => (Number.isFinite(value) ? grouped(value.toFixed(Math.min(12, Math.max(0, decimals)))) : "–");

/** Decimals for a column whose largest number is `largest`, so that it has `digits` significant digits. */
export const columnDecimals = (largest: number, digits: number): number => (largest > 0 ? Math.max(0, Math.min(8, digits - 1 - Math.floor(Math.log10(largest)))) : 0);

/** What part of a whole something is, as a percentage. Never zero where there is something. */
export function percentOf(value: number, whole: number): string {
  const percent = (100 * value) / whole;
  if (!Number.isFinite(percent)) return "–";
  if (percent > 0 && percent < 0.05) return "< 0.1 %";
  return `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
}

/** A change in percent with its sign: +36 %, -4.2 %. */
export function signed(percent: number): string {
  const shown = Math.abs(percent).toFixed(Math.abs(percent) < 10 ? 1 : 0);
  return `${Number(shown) === 0 ? "±" : percent < 0 ? "-" : "+"}${shown} %`;
}

/** A sum of money in short: 950, 12.4 k, 3.1 M. */
export function money(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${(value / 1e9).toFixed(2)} B`;
  if (size >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (size >= 1e4) return `${(value / 1e3).toFixed(0)} k`;
  return figure(value, 4);
}

/** The spread in basis points of the middle. Null: no two prices. */
export function spreadBps(bid: string | null, ask: string | null): number | null {
  if (bid === null || ask === null) return null;
  const [low, high] = [Number(bid), Number(ask)];
  const middle = (low + high) / 2;
  return Number.isFinite(middle) && middle > 0 ? ((high - low) / middle) * 10_000 : null;
}

/** Basis points with the decimals that still mean something. */
export function bps(value: number): string {
  return value.toFixed(Math.abs(value) < 10 ? 2 : 1);
}

/** An age in as few letters as can be: 240 ms, 3.2 s, 4:05, 2 h 10 m. */
export function age(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 3_600_000) return clock(ms);
  return `${Math.floor(ms / 3_600_000)} h ${Math.floor((ms % 3_600_000) / 60_000)} m`;
}

/** Time that is missing, as m:ss, rounded up: the last second is shown as 0:01. */
export function clock(ms: number): string {
  const seconds = Math.ceil(Math.max(0, ms) / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** A large whole number in short: 1 234, 56.7 k, 1.2 M. */
export function short(value: number): string {
  if (value >= 1_000_000) return `${(value / 1_000_000).toFixed(1)} M`;
  if (value >= 100_000) return `${(value / 1_000).toFixed(1)} k`;
  return grouped(String(Math.round(value)));
}

/** The time of day of an RFC 3339 instant, in UTC, to the millisecond; the text itself if it isn't one. */
export function timeOfDay(instant: string): string {
  const date = new Date(instant);
  return Number.isNaN(date.getTime()) ? instant : `${date.toISOString().slice(11, 23)} UTC`;
}

/** Date and time of milliseconds since 1970, in UTC, to the second. */
export function dateTime(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? "–" : `${date.toISOString().slice(0, 10)} ${date.toISOString().slice(11, 19)} UTC`;
}

/** A span of time in UTC; the day stands once where both ends lie on it. */
export function period(fromMs: number, toMs: number): string {
  const [from, to] = [dateTime(fromMs), dateTime(toMs)];
  return from.slice(0, 10) === to.slice(0, 10) ? `${from.slice(0, 19)} – ${to.slice(11)}` : `${from} – ${to}`;
}

/** A value that is a list or a table is folded away, and shown in lines when opened. Null: it is neither. */
export function folded(value: string): string | null {
  const first = value.trimStart()[0];
  if (first !== "[" && first !== "{") return null;
  try {
    return JSON.stringify(JSON.parse(value), null, 1);
  } catch {
    return null;
  }
}

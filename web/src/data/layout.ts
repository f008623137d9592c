// Where panels stand, as a short text for this browser and for links.

export interface Place {
  id: string;
  x: number;
  y: number;
  w: number;
  h: number;
}

/** `ladder.0.0.3.12_depth.3.0.5.6`: letters that need no escaping in an address. */
export function layoutText(places: readonly Place[]): string {
  return places.map(({ id, x, y, w, h }) => [id, x, y, w, h].join(".")).join("_");
}

/** Reads such a text. Panels it doesn't name keep their usual place; names and numbers that can't be are left out. Null: nothing in it is good. */
export function layoutFrom(text: string, usual: readonly Place[]): Place[] | null {
  if (text === "" || text.length > 2_000) return null;
  const held = new Map<string, Place>();
  for (const part of text.split("_")) {
    const [id = "", ...numbers] = part.split(".");
    const [x, y, w, h] = numbers.map(Number);
    const whole = (value: number | undefined, low: number, high: number): value is number => value !== undefined && Number.isInteger(value) && value >= low && value <= high;
    if (numbers.length === 4 && whole(x, 0, 11) && whole(y, 0, 500) && whole(w, 1, 12) && whole(h, 1, 60) && usual.some((place) => place.id === id)) held.set(id, { id, x, y, w, h });
  }
  return held.size === 0 ? null : usual.map((place) => held.get(place.id) ?? { ...place });
}

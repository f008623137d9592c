// Labels of vertical lines in a chart: those that are close to each other stand in different lanes, so that none is printed over another.

/**
 * The lane of each place, most important first; labels of one lane are at least `apart` from each other. A place without a free lane gets none.
 */
export function labelLanes(places: readonly number[], apart: number, lanes: number): Map<number, number> {
  const taken: number[][] = Array.from({ length: lanes }, () => []);
  const result = new Map<number, number>();
  for (const place of places) {
    const lane = taken.findIndex((held) => held.every((other) => Math.abs(other - place) >= apart));
    if (lane < 0 || result.has(place)) continue;
    taken[lane]?.push(place);
    result.set(place, lane);
  }
  return result;
}

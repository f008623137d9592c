// The numbers of an alert, as they were when it began.

import { plain } from "./format";

/** What was measured, and the limit it crossed. Null: the alert names none. */
export function numbersOf(numbers: Record<string, number>): { measured: string; limit: string | null } {
  const others = Object.entries(numbers).filter(([name]) => name !== "threshold");
  const threshold = numbers["threshold"];
  return {
    // A value that stands alone needs no name.
    measured: others.map(([name, value]) => (name === "value" && others.length === 1 ? plain(value) : `${name} ${plain(value)}`)).join(", "),
    limit: threshold === undefined ? null : plain(threshold),
  };
}

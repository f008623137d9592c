// The last so many values of something, oldest first; older ones fall off.

export class Trail {
  private readonly held: number[] = [];

  constructor(private readonly most: number) {}

  push(value: number): void {
    this.held.push(value);
    if (this.held.length > this.most) this.held.splice(0, this.held.length - this.most);
  }

  get values(): readonly number[] {
    return this.held;
  }

  /** As the points of an SVG polyline in a box of `width` by `height`; empty with fewer than two values. */
  points(width: number, height: number): string {
    if (this.held.length < 2) return "";
    const low = Math.min(...this.held);
    const span = Math.max(...this.held) - low;
    // A young line is stretched over a quarter at least, so that it can be seen.
    const step = width / (Math.max(this.held.length, this.most / 8) - 1);
    const start = width - step * (this.held.length - 1);
    const y = (value: number): number => (span === 0 ? height / 2 : height - 1 - ((value - low) / span) * (height - 2));
    return this.held.map((value, index) => `${(start + index * step).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  }

  /** From the first to the last value, in basis points. Null: fewer than two. */
  changeBps(): number | null {
    const [first, last] = [this.held[0], this.held.at(-1)];
    return first === undefined || last === undefined || this.held.length < 2 || first === 0 ? null : (last / first - 1) * 10_000;
  }
}

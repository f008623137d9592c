// What stood in a book over time: a column a second, a row a band of prices, for the heatmap of liquidity.

import type { Level } from "./book";

export interface Column {
  /** Milliseconds since 1970. */
  at: number;
  middle: number;
  /** Sizes in each row of the column's own grid, lowest price first. */
  cells: Float32Array;
  /** The lowest price of row 0. */
  low: number;
}

/** Rows of one column. */
export const ROWS = 160;

/** The step of the grid: as wide as the books of the last columns, on whole ticks, and kept until it is too small or far too large. */
export class Heat {
  private readonly held: Column[] = [];
  /** Price a row, fixed until the book outgrows it. */
  step = 0;

  constructor(private readonly most: number) {}

  get columns(): readonly Column[] {
    return this.held;
  }

  /** Begins with columns that a host still knows; what was gathered before goes, since its rows have another width. */
  begin(step: number, columns: readonly Column[]): void {
    if (!(step > 0) || columns.length === 0) return;
    this.step = step;
    this.held.splice(0, this.held.length, ...columns.slice(-this.most));
  }

  /** Adds what stands in the book now. */
  push(at: number, middle: number, bids: readonly Level[], asks: readonly Level[]): void {
    const lowest = bids.at(-1)?.price ?? middle;
    const highest = asks.at(-1)?.price ?? middle;
    // Both sides to the same distance, so that the middle stays in the middle.
    const reach = Math.max(middle - lowest, highest - middle);
    if (!(reach > 0)) return;
    const wanted = (2 * reach) / ROWS;
    if (this.step === 0 || wanted > this.step * 1.2 || wanted < this.step * 0.4) {
      // Some room, so that the outermost level stays inside while the middle moves.
      this.step = wanted * 1.1;
      this.held.length = 0;
    }
    // Rows begin at whole steps, so that a price keeps its row while the middle moves.
    const low = Math.floor((middle - (ROWS / 2) * this.step) / this.step) * this.step;
    const cells = new Float32Array(ROWS);
    for (const side of [bids, asks]) {
      for (const level of side) {
        const row = Math.floor((level.price - low) / this.step);
        if (row >= 0 && row < ROWS) cells[row] = (cells[row] ?? 0) + level.size * level.price;
      }
    }
    this.held.push({ at, middle, cells, low });
    if (this.held.length > this.most) this.held.splice(0, this.held.length - this.most);
  }

  /** The size under which 99 of 100 filled cells of the last columns lie: the top of the colour scale. */
  top(): number {
    const sizes: number[] = [];
    for (const column of this.held.slice(-20)) for (const cell of column.cells) if (cell > 0) sizes.push(cell);
    if (sizes.length === 0) return 1;
    sizes.sort((a, b) => a - b);
    return sizes[Math.floor(sizes.length * 0.99)] ?? 1;
  }
}

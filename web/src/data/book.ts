// A book as the stream brings it: whole, then changes. Prices are numbers for drawing, and keep their text for showing.

export interface Level {
  price: number;
  /** As the exchange wrote it. */
  shown: string;
  size: number;
  shownSize: string;
  /** 0: the exchange doesn't say. */
  orders: number;
}

export interface BookNews {
  sequence: number | null;
  time: string | null;
  bids: Level[];
  asks: Level[];
}

function level(value: unknown): Level | null {
  if (!Array.isArray(value)) return null;
  const [shown, shownSize, orders] = value as unknown[];
  if (typeof shown !== "string" || typeof shownSize !== "string") return null;
  const [price, size] = [Number(shown), Number(shownSize)];
  if (!Number.isFinite(price) || !Number.isFinite(size)) return null;
  return { price, shown, size, shownSize, orders: typeof orders === "number" ? orders : 0 };
}

/** Reads what a book topic brings. Null: this isn't it. */
export function readBook(value: unknown): BookNews | null {
  if (typeof value !== "object" || value === null) return null;
  const { sequence, time, bids, asks } = value as Record<string, unknown>;
  if (!Array.isArray(bids) || !Array.isArray(asks)) return null;
  const side = (levels: unknown[]): Level[] => levels.map(level).filter((held) => held !== null);
  return { sequence: typeof sequence === "number" ? sequence : null, time: typeof time === "string" ? time : null, bids: side(bids), asks: side(asks) };
}

/** One side, best first. A level of size 0 goes. */
export class Side {
  private levels: Level[] = [];
  constructor(private readonly falling: boolean) {}

  replace(levels: Level[]): void {
    this.levels = levels.filter((held) => held.size > 0).sort((a, b) => this.order(a, b));
  }

  apply(changes: readonly Level[]): void {
    for (const change of changes) {
      let low = 0;
      let high = this.levels.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (this.order(this.levels[middle] as Level, change) < 0) low = middle + 1;
        else high = middle;
      }
      const there = this.levels[low]?.price === change.price;
      if (change.size === 0) {
        if (there) this.levels.splice(low, 1);
      } else this.levels.splice(low, there ? 1 : 0, change);
    }
  }

  get all(): readonly Level[] {
    return this.levels;
  }

  private order(a: Level, b: Level): number {
    return this.falling ? b.price - a.price : a.price - b.price;
  }
}

/** Both sides, kept up to date. */
export class Book {
  readonly bids = new Side(true);
  readonly asks = new Side(false);
  sequence: number | null = null;
  time: string | null = null;

  take(news: BookNews, change: boolean): void {
    (this.sequence = news.sequence), (this.time = news.time);
    if (change) {
      this.bids.apply(news.bids);
      this.asks.apply(news.asks);
    } else {
      this.bids.replace(news.bids);
      this.asks.replace(news.asks);
    }
  }

  middle(): number | null {
    const [bid, ask] = [this.bids.all[0], this.asks.all[0]];
    return bid === undefined || ask === undefined ? null : (bid.price + ask.price) / 2;
  }
}

/** Sizes summed from the best level outwards: [price, sum]. */
export function cumulative(levels: readonly Level[]): [number, number][] {
  let sum = 0;
  return levels.map((held) => [held.price, (sum += held.size)]);
}

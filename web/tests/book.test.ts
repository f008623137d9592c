import { describe, expect, it } from "vitest";

import { Book, cumulative, readBook, type Level } from "../src/data/book";
import { Heat, ROWS } from "../src/data/heat";
import { layoutFrom, layoutText } from "../src/data/layout";
import { Trail } from "../src/data/trail";

const news = (bids: [string, string, number][], asks: [string, string, number][]) => {
  const held = readBook({ sequence: 1, time: null, bids, asks });
  if (held === null) throw new Error("no book");
  return held;
};
const shown = (levels: readonly Level[]) => levels.map((level) => `${level.shown}:${level.shownSize}`);

describe("a book on the page", () => {
  it("holds after changes what a whole book would say: levels come, change and go, best first", () => {
    const book = new Book();
    book.take(news([["10", "1", 1], ["9", "2", 1]], [["11", "1", 1], ["12", "1", 1]]), false);
    book.take(news([["10", "0", 0], ["9.5", "3", 2], ["9", "5", 1]], [["10.5", "1", 1]]), true);
    expect(shown(book.bids.all)).toEqual(["9.5:3", "9:5"]);
    expect(shown(book.asks.all)).toEqual(["10.5:1", "11:1", "12:1"]);
    expect(book.middle()).toBe(10);
  });

  it("agrees with a whole book after many random changes", () => {
    // A small generator with a fixed seed: the same changes in every run.
    let seed = 7;
    const next = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
    const book = new Book();
    const truth = new Map<number, number>();
    book.take(news([], [["1", "1", 1]]), false);
    for (let round = 0; round < 2_000; round += 1) {
      const [price, size] = [1 + next(50), next(4)];
      const there = truth.has(price);
      if (size === 0 && !there) continue;
      if (size === 0) truth.delete(price);
      else truth.set(price, size);
      book.take(news([[String(price), String(size), 1]], []), true);
    }
    expect(shown(book.bids.all)).toEqual([...truth].sort(([a], [b]) => b - a).map(([price, size]) => `${price}:${size}`));
  });

  it("leaves out what is no level, and knows what is no book", () => {
    expect(readBook({ bids: [["1", "1", 1], ["x", "1", 1], null, [1, 2]], asks: [] })?.bids).toHaveLength(1);
    expect([readBook(null), readBook({ bids: 1, asks: [] }), readBook("x")]).toEqual([null, null, null]);
  });

  it("sums sizes outwards", () => {
    expect(cumulative(news([["10", "1", 1], ["9", "2.5", 1]], []).bids)).toEqual([[10, 1], [9, 3.5]]);
  });
});

describe("the heatmap's columns", () => {
  it("put a level's money into the row of its price, and keep the row while the middle moves", () => {
    const heat = new Heat(10);
    const level = (price: number) => ({ price, shown: "", size: 1, shownSize: "", orders: 1 });
    for (const middle of [100, 100.2, 100.4]) heat.push(middle, middle, [level(99.5), level(90.03)], [level(103.31)]);
    const money = heat.columns.map((column) => column.cells.reduce((sum, cell) => sum + cell, 0).toFixed(1));
    expect(new Set(money)).toEqual(new Set([(99.5 + 90.03 + 103.31).toFixed(1)]));
    // The ask's row, counted from price 0: the same in every column.
    const rows = heat.columns.map((column) => Math.round(column.low / heat.step) + column.cells.findLastIndex((cell) => cell > 0));
    expect(new Set(rows).size).toBe(1);
    expect(heat.columns[0]?.cells).toHaveLength(ROWS);
  });

  it("are bounded", () => {
    const heat = new Heat(5);
    const level = [{ price: 99, shown: "", size: 1, shownSize: "", orders: 1 }];
    for (let at = 0; at < 50; at += 1) heat.push(at, 100, level, [{ price: 101, shown: "", size: 1, shownSize: "", orders: 1 }]);
    expect(heat.columns.map((column) => column.at)).toEqual([45, 46, 47, 48, 49]);
  });
});

describe("a layout", () => {
  const usual = [
    { id: "a", x: 0, y: 0, w: 3, h: 4 },
    { id: "b", x: 3, y: 0, w: 3, h: 4 },
  ];
  it("comes back from its text", () => {
    const moved = [{ id: "a", x: 6, y: 2, w: 6, h: 9 }, usual[1] as (typeof usual)[number]];
    expect(layoutFrom(layoutText(moved), usual)).toEqual(moved);
  });
  it("keeps the usual place of what a text doesn't name, and takes nothing that can't be", () => {
    expect(layoutFrom("a.1.0.4.4", usual)?.map((place) => place.x)).toEqual([1, 3]);
    for (const text of ["", "c.0.0.1.1", "a.99.0.1.1", "a.0.0.0.1", "a.x.0.1.1", "a.0.0.1", "<script>", "a".repeat(5000)]) expect(layoutFrom(text, usual)).toBeNull();
  });
});

describe("a trail", () => {
  it("keeps the newest values and draws them from left to right", () => {
    const trail = new Trail(3);
    for (const value of [1, 2, 3, 4]) trail.push(value);
    expect(trail.values).toEqual([2, 3, 4]);
    expect(trail.points(10, 10).split(" ")).toHaveLength(3);
    expect(trail.changeBps()).toBeCloseTo(10_000);
    expect(new Trail(3).points(10, 10)).toBe("");
  });
});

import { describe, expect, it } from "vitest";

import { Heat, ROWS } from "../src/data/heat";
import { drawing } from "../src/data/outputs";

const output = (kind: string, more: object = {}) => ({ name: "x", field: "x", kind, unit: "", low: null, high: null, summary: "", ...more });

describe("a field is drawn by its description, else by what it looks like", () => {
  it.each([
    ["", undefined, { as: "none" }],
    ["true", undefined, { as: "flag", yes: true }],
    ["false", output("state"), { as: "flag", yes: false }],
    ["normal", output("state"), { as: "word", word: "normal" }],
    ["bullish", undefined, { as: "word", word: "bullish" }],
    ["0.1 of 3", undefined, { as: "text", text: "0.1 of 3" }],
    ["0.25", output("ratio", { low: 0, high: 1 }), { as: "number", value: 0.25, shown: "0.25", share: 0.25 }],
    ["250", output("score", { low: 0, high: 200 }), { as: "number", value: 250, shown: "250", share: 1 }],
    ["30199.90", output("price", { low: 0 }), { as: "number", value: 30199.9, shown: "30199.90", share: null }],
    ["[1,2]", output("other"), { as: "document", text: "[\n 1,\n 2\n]" }],
    ["[{broken", output("other"), { as: "text", text: "[{broken" }],
  ])("%j as %o", (value, described, drawn) => expect(drawing(value, described)).toEqual(drawn));

  it("a list of alike things is a table, and so are things by name", () => {
    expect(drawing('[{"side":"bid","depth":1.5},{"side":"ask","depth":null}]', undefined)).toEqual({ as: "table", columns: ["side", "depth"], rows: [["bid", "1.5"], ["ask", "–"]], more: 0 });
    expect(drawing('{"spread_bps":{"value":1},"depth_2":{"value":2}}', undefined)).toEqual({ as: "table", columns: ["", "value"], rows: [["spread_bps", "1"], ["depth_2", "2"]], more: 0 });
    const long = drawing(JSON.stringify(Array.from({ length: 30 }, (_, place) => ({ place }))), undefined);
    expect(long).toMatchObject({ as: "table", more: 18 });
  });
});

describe("a heatmap that begins with what a host still holds", () => {
  const column = (at: number) => ({ at, middle: 100, low: 92, cells: new Float32Array(ROWS) });
  it("goes on from there with the same grid, and keeps no more than it may", () => {
    const heat = new Heat(3);
    heat.push(1, 50, [], []);
    heat.begin(0.1, [column(1), column(2), column(3), column(4)]);
    expect(heat.columns.map((one) => one.at)).toEqual([2, 3, 4]);
    const level = (price: number) => ({ price, shown: String(price), size: 1, shownSize: "1", orders: 1 });
    heat.push(5, 100, [level(93)], [level(107)]);
    expect([heat.step, heat.columns.map((one) => one.at)]).toEqual([0.1, [3, 4, 5]]);
  });
  it("stays as it is where nothing is held", () => {
    const heat = new Heat(3);
    heat.begin(0, []);
    expect([heat.step, heat.columns.length]).toEqual([0, 0]);
  });
});

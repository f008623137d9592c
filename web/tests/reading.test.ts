import { describe, expect, it } from "vitest";

import { numbersOf } from "../src/data/alerts";
import { bands, lowest } from "../src/data/analyses";
import { readBuilds, shortDigest } from "../src/data/builds";
import { summary } from "../src/data/catalog";
import { feedKind } from "../src/data/feed";
import { labelLanes } from "../src/data/labels";
import { withUnits } from "../src/data/outputs";

describe("what stands in a tile", () => {
  it("has prices in the order of the book, supports before resistances, and what is missing too", () => {
    const fields = { support_level_1: "77969.4", support_level_2: "77918.9", resistance_level_1: "78080.7", resistance_level_2: "" };
    expect(summary("support_resistance", fields).map((fact) => [fact.name.replace("_level_", ""), fact.side])).toEqual([["support2", "bid"], ["support1", "bid"], ["resistance1", "ask"], ["resistance2", "ask"]]);
  });
  it("begins with the state", () => {
    expect(summary("depth_anomaly", { depth_anomaly_score: "9.2", depth_anomaly_alert: "normal" }).map((fact) => fact.value)).toEqual(["normal", "9.2"]);
  });
});

describe("the bands of depth", () => {
  const json = JSON.stringify([
    { side: "bid", bps: 5, depth: 271, usual: 697, below_percent: 61.01, deviations: 2.9 },
    { side: "ask", bps: 5, depth: 140, usual: 100, below_percent: -40, deviations: -1 },
    { side: "ask", bps: 22.3, left_out: "cut" },
    { side: "middle", bps: 1 },
    "nonsense",
  ]);
  it("say how far each lies from the usual, with a sign of its own", () => {
    expect(bands(json).map((band) => [band.side, band.bps, band.change, band.leftOut])).toEqual([["bid", 5, -61.01, ""], ["ask", 5, 40, ""], ["ask", 22.3, null, "cut"]]);
  });
  it("name the lowest", () => {
    expect(lowest(bands(json))).toMatchObject({ side: "bid", change: -61.01 });
    expect([lowest([]), lowest(bands("[broken")), bands(undefined).length]).toEqual([null, null, 0]);
  });
});

describe("where frames come from", () => {
  it("is an exchange only where the host says so", () => {
    expect(["live OKX", "live: ws://127.0.0.1:9/ws", "generated market", "recording data/btc.ndjson.zst", "liveliest"].map(feedKind)).toEqual(["live", "live", "generated", "recording", "other"]);
  });
});

describe("builds of plugins", () => {
  it("are read by name, and what is no build is left out", () => {
    const held = readBuilds({ plugins: { a: { version: "1.0.0", digest: "0123456789abcdef" }, b: { version: "1.0.0", digest: "" }, c: null } });
    expect([...held]).toEqual([["a", { version: "1.0.0", digest: "0123456789abcdef" }]]);
    expect(shortDigest("0123456789abcdef")).toBe("01234567");
    for (const other of [null, "", {}, { plugins: 3 }]) expect(readBuilds(other).size).toBe(0);
  });
});

describe("labels of lines", () => {
  it("stand in different lanes where they are close, and are dropped where no lane is free", () => {
    expect([...labelLanes([100, 101, 110, 100.5, 99.9], 5, 3)]).toEqual([[100, 0], [101, 1], [110, 0], [100.5, 2]]);
  });
});

describe("numbers of an alert", () => {
  it("need no name when there is one and its limit", () => {
    expect(numbersOf({ threshold: 10, value: 96 })).toEqual({ measured: "96", limit: "10" });
    expect(numbersOf({ "a.score": 50.493, depth: 2 })).toEqual({ measured: "a.score 50.493, depth 2", limit: null });
    expect(numbersOf({})).toEqual({ measured: "", limit: null });
  });
});

describe("units of a pair", () => {
  const output = (unit: string) => ({ name: "x", field: "x", kind: "size", unit, low: null, high: null, summary: "" });
  it("are its own currencies", () => {
    const held = withUnits(new Map([["a", output("base")], ["b", output("quote")], ["c", output("bps")]]), "BTC-USDT");
    expect([...held.values()].map((one) => one.unit)).toEqual(["BTC", "USDT", "bps"]);
  });
});

import { describe, expect, it } from "vitest";

import { age, bps, clock, columnDecimals, difference, fixed, folded, grouped, measured, mostDecimals, padded, percentOf, period, plain, short, signed, spreadBps, timeOfDay } from "../src/data/format";

describe("numbers as people read them", () => {
  it("groups the whole part and keeps the digits as sent", () => {
    expect(grouped("30199.90")).toBe("30\u202f199.90");
    expect(grouped("-1234567")).toBe("-1\u202f234\u202f567");
    expect(grouped("0.0000012345")).toBe("0.0000012345");
    for (const other of ["bullish", "", "1e9", "2026-01-01"]) expect(grouped(other)).toBe(other);
  });

  it("writes a number that stands alone without zeros at its end, and a reading with two decimals", () => {
    expect([96, 0.0002, 50.4931, 1259].map((value) => plain(value))).toEqual(["96", "0.0002", "50.493", "1\u202f259"]);
    expect([8.855264331, 0.25, 97, 105.26, 12345.6, 0.0002, 0, -0.14].map(measured)).toEqual(["8.86", "0.25", "97.00", "105.3", "12\u202f346", "0.0002", "0.00", "-0.14"]);
  });

  it("gives the numbers of one column the same decimals", () => {
    const prices = ["78031", "78030.8", null];
    expect(mostDecimals(prices)).toBe(1);
    expect(prices.map((price) => padded(price ?? "–", 1))).toEqual(["78\u202f031.0", "78\u202f030.8", "–"]);
    expect([padded("0.25", 1), padded("7", 0)]).toEqual(["0.25", "7"]);
    expect([3.0434, 0.02].map((sum) => fixed(sum, columnDecimals(3.0434, 5)))).toEqual(["3.0434", "0.0200"]);
    expect([columnDecimals(0, 5), columnDecimals(145_742, 5), columnDecimals(0.00004, 5)]).toEqual([0, 0, 8]);
  });

  it("says what part of a whole something is, and never nothing where there is something", () => {
    expect([percentOf(0.15, 50), percentOf(0.01, 50), percentOf(25, 50), percentOf(0, 50), percentOf(1, 0)]).toEqual(["0.3 %", "< 0.1 %", "50 %", "0.0 %", "–"]);
    expect([36.11, -4.2, -77.4, 0.01, -0.01].map(signed)).toEqual(["+36 %", "-4.2 %", "-77 %", "±0.0 %", "±0.0 %"]);
  });

  it("names the day of a span once where both ends lie on it", () => {
    const from = Date.UTC(2026, 10, 26, 1, 18, 54);
    expect(period(from, from + 17_000)).toBe("2026-11-26 01:18:54 – 01:19:11 UTC");
    expect(period(from, from + 86_400_000)).toBe("2026-11-26 01:18:54 UTC – 2026-11-27 01:18:54 UTC");
  });

  it("subtracts decimals exactly, where floating point would not", () => {
    expect(difference("0.1", "0.3")).toBe("0.2");
    expect(difference("30199.9", "30200")).toBe("0.1");
    expect(difference("0.0000012339", "0.0000012340")).toBe("0.0000000001");
    expect(difference("5", "12")).toBe("7");
  });

  it("shows a crossed book as a negative spread", () => {
    expect(difference("100.5", "100")).toBe("-0.5");
    expect(spreadBps("100.5", "99.5")).toBe(-100);
  });

  it("has no spread without two prices", () => {
    expect(difference(null, "1")).toBeNull();
    expect(difference("x", "1")).toBeNull();
    expect(spreadBps("1", null)).toBeNull();
    expect(spreadBps("0", "0")).toBeNull();
  });

  it("rounds basis points by their size", () => {
    expect(bps(0.0333)).toBe("0.03");
    expect(bps(12.345)).toBe("12.3");
  });

  it("shows ages short and missing time as m:ss, rounded up", () => {
    expect([age(87), age(3_200), age(42_000), age(245_000), age(7_800_000)]).toEqual(["87 ms", "3.2 s", "42 s", "4:05", "2 h 10 m"]);
    expect([clock(252_000), clock(1), clock(0), clock(-5), clock(1_752_000)]).toEqual(["4:12", "0:01", "0:00", "0:00", "29:12"]);
    expect([short(1234), short(123_456), short(1_412_345)]).toEqual(["1\u202f234", "123.5 k", "1.4 M"]);
  });

  it("shows the time of day in UTC, and odd text as it is", () => {
    expect(timeOfDay("2022-05-13T10:00:00.123+02:00")).toBe("08:00:00.123 UTC");
    expect(timeOfDay("yesterday")).toBe("yesterday");
  });

  it("folds lists and tables, and nothing else", () => {
    expect(folded("[1,2]")).toBe("[\n 1,\n 2\n]");
    expect(folded("[broken")).toBeNull();
    expect(folded("12.5")).toBeNull();
  });
});

import { describe, expect, it } from "vitest";

import { PAIR_STATES } from "../src/data/document";
import { audit, bytes, delay, isVerified, percent } from "../src/data/trust";

describe("whether numbers can be trusted", () => {
  it("holds for live and suspect books alone, and for no state that the page doesn't know", () => {
    expect(PAIR_STATES.filter(isVerified)).toEqual(["live", "suspect"]);
    expect(isVerified("unknown")).toBe(false);
  });

  it("calls it 100 % only when it was all of the time", () => {
    expect([1, 0.999999, 0.99987, 0.5712, 0.57, 0].map(percent)).toEqual(["100 %", "99.99 %", "99.98 %", "57.1 %", "57.0 %", "0.0 %"]);
    expect([null, -0.1, 1.1].map(percent)).toEqual([null, null, null]);
  });

  it("tells no audit from a good one, and one wrong book from none", () => {
    expect(audit({ audits: 0, drift: 0 })).toEqual({ kind: "none" });
    expect(audit({ audits: 12, drift: 0 })).toEqual({ kind: "equal", times: 12 });
    expect(audit({ audits: 12, drift: 1 })).toEqual({ kind: "drift", times: 12, drift: 1 });
    expect(audit({ audits: null, drift: 0 })).toBeNull();
  });

  it("gives no delay where the clocks differ, and says when nobody compared them", () => {
    const p = { delayP50Ms: 5, delayP99Ms: 9 };
    expect(delay({ ...p, delayReliable: "yes" })).toEqual({ kind: "known", p50: 5, p99: 9 });
    expect(delay({ ...p, delayReliable: "unknown" })).toEqual({ kind: "unchecked", p50: 5, p99: 9 });
    expect(delay({ ...p, delayReliable: null })).toEqual({ kind: "unchecked", p50: 5, p99: 9 });
    expect(delay({ ...p, delayReliable: "no" })).toEqual({ kind: "differ" });
    expect(delay({ delayP50Ms: null, delayP99Ms: null, delayReliable: "yes" })).toEqual({ kind: "none" });
  });

  it("shows bytes in the unit that a person reads", () => {
    expect([0, 793, 7_240, 1_310_000].map(bytes)).toEqual(["0 B", "793 B", "7.2 kB", "1.3 MB"]);
  });
});

import { describe, expect, it } from "vitest";

import { readState } from "../src/data/document";

describe("a pushed document", () => {
  it("is refused as a whole when it is no document", () => {
    for (const bad of ["", "nonsense", "null", "[]", "3", "{}", '{"pairs":{}}']) expect(readState(bad)).toBeNull();
  });

  it("survives fields that are missing or of another type, one by one", () => {
    const state = readState({
        pairs: [
          { instrument_id: "BTC-USDT" },
          { instrument_id: "ETH-USDT", state: 7, age_ms: "soon", crossed: "yes", readings: { a: null, b: 3, c: { outcome: "new-word", fields: [1] } } },
          { state: "live" },
          null,
          "BTC",
        ],
        monitoring: { active_pairs: 2, lag: null, text: "x" },
        pairs_left_out: ["ADA-USDT", 3, null],
        pairs_refused: "all",
      });
    expect(state?.pairs.map((pair) => pair.id)).toEqual(["BTC-USDT", "ETH-USDT"]);
    expect(state?.pairs[0]).toMatchObject({ state: "unknown", bestBid: null, ageMs: null, readings: {} });
    expect(state?.pairs[1]).toMatchObject({ state: "unknown", ageMs: null, crossed: false });
    // A word from a newer host is never taken for "ok".
    expect(state?.pairs[1]?.readings).toEqual({ c: expect.objectContaining({ outcome: "unknown", fields: {} }) });
    expect([state?.leftOut, state?.refused]).toEqual([["ADA-USDT"], []]);
    expect(state?.monitoring).toEqual({ active_pairs: "2", lag: "", text: "x" });
  });

  it("keeps fields that are no text as JSON", () => {
    const state = readState({ pairs: [{ instrument_id: "A", readings: { p: { outcome: "ok", fields: { zones: [1, 2], none: "" } } } }] });
    expect(state?.pairs[0]?.readings["p"]?.fields).toEqual({ zones: "[1,2]", none: "" });
  });

  it("keeps what the host says of a feed's trust, and takes an unknown word for nothing", () => {
    const said = { audits: 12, drift: 0, last_audit: "2026-01-01T00:00:00.000Z", verified_share_1h: 0.5, delay_ms_p50: 4, delay_reliable: "yes" };
    const state = readState({ pairs: [{ instrument_id: "A", ...said }, { instrument_id: "B", delay_reliable: "perhaps" }] });
    expect(state?.pairs[0]).toMatchObject({ audits: 12, drift: 0, lastAudit: said.last_audit, verifiedShare: 0.5, delayP50Ms: 4, delayReliable: "yes" });
    expect(state?.pairs[1]).toMatchObject({ audits: null, verifiedShare: null, delayReliable: null });
  });
});

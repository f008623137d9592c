import { describe, expect, it } from "vitest";

import { SILENCE_MS } from "../src/data/connection";
import { createStore } from "../src/data/store";
import { FakeSurroundings } from "./surroundings";

const DOCUMENT = { pairs: [], feed: "simulator" };

function started() {
  const around = new FakeSurroundings();
  const store = createStore(around);
  store.start();
  return { around, store };
}

describe("the store", () => {
  it("is live from the first document on", () => {
    const { around, store } = started();
    expect(store.link.value.kind).toBe("connecting");
    around.push(DOCUMENT);
    expect(store.link.value.kind).toBe("live");
    expect(store.state.value?.feed).toBe("simulator");
  });

  it("keeps the last document and counts its age on while nothing comes", () => {
    const { around, store } = started();
    around.push(DOCUMENT);
    around.pass(3_000);
    expect(store.state.value?.feed).toBe("simulator");
    expect(store.elapsedMs.value).toBe(3_000);
    around.push(DOCUMENT);
    expect(store.elapsedMs.value).toBe(0);
  });

  it("takes silence for a lost connection, though the socket says nothing", () => {
    const { around, store } = started();
    around.push(DOCUMENT);
    const silent = around.newest;
    around.pass(SILENCE_MS + 1);
    expect(store.link.value.kind).toBe("lost");
    expect(silent.closed).toBe(true);
  });

  it("isn't kept alive by messages that are no documents", () => {
    const { around, store } = started();
    around.push(DOCUMENT);
    around.pass(SILENCE_MS - 1_000);
    around.push("nonsense");
    around.pass(1_001);
    expect(store.link.value.kind).toBe("lost");
  });

  it("comes back with growing pauses, bounded, and says since when it is lost", () => {
    const { around, store } = started();
    around.push(DOCUMENT);
    const lostAt = around.now();
    const pauses: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      around.newest.onclose?.();
      const link = store.link.value;
      if (link.kind !== "lost") throw new Error(`the link is ${link.kind}`);
      expect(link.since).toBe(lostAt);
      const pause = link.retryAt - around.now();
      pauses.push(pause);
      const sockets = around.sockets.length;
      around.pass(pause);
      expect(around.sockets.length).toBe(sockets + 1);
    }
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  });

  it("starts over with the shortest pause once it was live again", () => {
    const { around, store } = started();
    around.newest.onclose?.();
    around.pass(500);
    around.push(DOCUMENT);
    expect(store.link.value.kind).toBe("live");
    around.newest.onclose?.();
    expect(store.link.value).toMatchObject({ kind: "lost", retryAt: around.now() + 500 });
  });

  it("tries at once when asked, and opens one socket only", () => {
    const { around, store } = started();
    around.newest.onclose?.();
    store.retryNow();
    store.retryNow();
    expect(around.sockets.length).toBe(2);
    around.pass(500);
    expect(around.sockets.length).toBe(2);
  });

  it("opens nothing more once it is stopped", () => {
    const { around, store } = started();
    store.stop();
    expect(around.newest.closed).toBe(true);
    around.pass(60_000);
    expect(around.sockets.length).toBe(1);
  });
});

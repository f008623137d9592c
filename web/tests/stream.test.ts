import { describe, expect, it } from "vitest";

import { Stream, type Link, type News } from "../src/api/stream";
import { FakeSurroundings } from "./surroundings";

function started() {
  const around = new FakeSurroundings();
  const heard = { link: { kind: "connecting" } as Link, refused: [] as string[] };
  const stream = new Stream({ link: (link) => (heard.link = link), refused: (code) => heard.refused.push(code) }, around);
  stream.start();
  return { around, stream, heard };
}

/** Two and a half beats of silence. */
const SILENCE_MS = 5_000;

describe("the stream", () => {
  it("asks for its topics once it is welcome, and for later ones at once", () => {
    const { around, stream, heard } = started();
    stream.follow("state", () => {});
    expect(around.newest.sent).toEqual([]);
    around.welcome();
    expect(heard.link.kind).toBe("live");
    stream.follow("book:BTC-USDT:400", () => {});
    expect(around.newest.sent).toEqual([
      { op: "subscribe", topics: ["state"] },
      { op: "subscribe", topics: ["book:BTC-USDT:400"] },
    ]);
  });

  it("hands news to everybody who follows, and the newest whole news to who comes later", () => {
    const { around, stream } = started();
    const seen: unknown[] = [];
    stream.follow("feed", (news) => seen.push(["first", news.data]));
    around.welcome();
    around.news("feed", 1);
    stream.follow("feed", (news) => seen.push(["second", news.data]));
    around.news("feed", 2);
    expect(seen).toEqual([["first", 1], ["second", 1], ["first", 2], ["second", 2]]);
    expect(around.newest.sent.filter((one) => one.op === "subscribe")).toHaveLength(1);
  });

  it("lets a topic go when nobody follows it any more", () => {
    const { around, stream } = started();
    around.welcome();
    const [leaveOne, leaveTwo] = [stream.follow("feed", () => {}), stream.follow("feed", () => {})];
    leaveOne();
    expect(around.newest.sent.at(-1)?.op).toBe("subscribe");
    leaveTwo();
    expect(around.newest.sent.at(-1)).toEqual({ op: "unsubscribe", topics: ["feed"] });
  });

  it("asks for the whole again when a change is missing, and hands out nothing that doesn't follow", () => {
    const { around, stream } = started();
    const seen: News[] = [];
    stream.follow("book:A-B:5", (news) => seen.push(news));
    around.welcome();
    around.news("book:A-B:5", "whole");
    around.news("book:A-B:5", "change", true);
    expect(seen.map((news) => [news.data, news.change])).toEqual([["whole", false], ["change", true]]);
    around.say({ type: "news", topic: "book:A-B:5", sequence: 9, follows: 8, data: "later" });
    expect(seen).toHaveLength(2);
    expect(around.newest.sent.slice(-2)).toEqual([
      { op: "unsubscribe", topics: ["book:A-B:5"] },
      { op: "subscribe", topics: ["book:A-B:5"] },
    ]);
  });

  it("takes silence for a lost connection, though the socket says nothing", () => {
    const { around, heard } = started();
    around.welcome();
    const silent = around.newest;
    around.pass(SILENCE_MS + 1);
    expect(heard.link.kind).toBe("lost");
    expect(silent.closed).toBe(true);
  });

  it("is kept alive by heartbeats, and not by what is no message", () => {
    const { around, heard } = started();
    around.welcome();
    around.pass(SILENCE_MS - 1_000);
    around.say({ type: "heartbeat", time: "" });
    around.pass(SILENCE_MS - 1_000);
    around.say("nonsense");
    around.say({ type: "strange" });
    expect(heard.link.kind).toBe("live");
    around.pass(1_001);
    expect(heard.link.kind).toBe("lost");
  });

  it("comes back with growing pauses, bounded, says since when it is lost, and asks for its topics again", () => {
    const { around, stream, heard } = started();
    stream.follow("state", () => {});
    around.welcome();
    const lostAt = around.now();
    const pauses: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      around.newest.onclose?.();
      const link = heard.link;
      if (link.kind !== "lost") throw new Error(`the link is ${link.kind}`);
      expect(link.since).toBe(lostAt);
      const pause = link.retryAt - around.now();
      pauses.push(pause);
      const sockets = around.sockets.length;
      around.pass(pause);
      expect(around.sockets.length).toBe(sockets + 1);
    }
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    around.welcome();
    expect(around.newest.sent).toEqual([{ op: "subscribe", topics: ["state"] }]);
    around.newest.onclose?.();
    expect(heard.link).toMatchObject({ kind: "lost", retryAt: around.now() + 500 });
  });

  it("tries at once when asked, and opens one socket only", () => {
    const { around, stream } = started();
    around.newest.onclose?.();
    stream.retryNow();
    stream.retryNow();
    expect(around.sockets.length).toBe(2);
    around.pass(500);
    expect(around.sockets.length).toBe(2);
  });

  it("says what the host refuses, a token that is gone among it", () => {
    const { around, heard } = started();
    around.welcome();
    around.say({ type: "error", code: "no_topic", message: "there is no topic `x`", hint: "" });
    around.newest.onclose?.({ code: 4401, reason: "the token is gone" });
    expect(heard.refused).toEqual(["no_topic", "token_gone"]);
  });

  it("opens nothing more once it is stopped", () => {
    const { around, stream } = started();
    stream.stop();
    expect(around.newest.closed).toBe(true);
    around.pass(60_000);
    expect(around.sockets.length).toBe(1);
  });
});

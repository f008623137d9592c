// What every page needs: the newest state of the host, when it came, and how the connection stands.

import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";

import { browser, Stream, type Link, type News, type Surroundings } from "../api/stream";
import { readState, type State } from "../data/document";
import { Trail } from "../data/trail";
import { middle } from "../data/format";
import { useSettings } from "./settings";

/** How often ages are counted on while nothing comes. */
const TICK_MS = 500;
/** Prices kept of a pair for its small line: two minutes at two a second. */
const TRAIL = 240;
const TRAIL_EVERY_MS = 500;

export interface Refusal {
  code: string;
  message: string;
  hint: string;
}

export const useLive = defineStore("live", () => {
  const settings = useSettings();
  const state = shallowRef<State | null>(null);
  const link = ref<Link>({ kind: "connecting" });
  const refusal = ref<Refusal | null>(null);
  const receivedAt = ref(0);
  const now = ref(0);
  const trails = shallowRef(new Map<string, Trail>());
  const trailed = ref(0);

  let around: Surroundings = browser(() => settings.token);
  let stream: Stream | null = null;
  let ticking: number | null = null;
  let unfollow: (() => void) | null = null;

  /** The stream, for parts that have topics of their own. */
  function live(): Stream {
    stream ??= new Stream(
      {
        link: (next) => {
          if (next.kind === "live") refusal.value = null;
          if (next.kind !== "live" || link.value.kind !== "live") link.value = next;
        },
        refused: (code, message, hint) => (refusal.value = { code, message, hint }),
      },
      around,
    );
    return stream;
  }

  function hear(news: News): void {
    const next = readState(news.data);
    if (next === null) return;
    state.value = next;
    receivedAt.value = news.at;
    now.value = news.at;
    if (news.at - trailed.value >= TRAIL_EVERY_MS) {
      trailed.value = news.at;
      const kept = new Map<string, Trail>();
      for (const pair of next.pairs) {
        const trail = trails.value.get(pair.id) ?? new Trail(TRAIL);
        const price = middle(pair.bestBid, pair.bestAsk);
        if (price !== null && pair.state === "live") trail.push(price);
        kept.set(pair.id, trail);
      }
      trails.value = kept;
    }
  }

  function tick(): void {
    now.value = around.now();
    ticking = around.later(tick, TICK_MS);
  }

  /** Begins; tests give their own surroundings. */
  function start(own?: Surroundings): void {
    if (own) around = own;
    now.value = around.now();
    unfollow = live().follow("state", hear);
    live().start();
    tick();
  }

  function stop(): void {
    unfollow?.();
    stream?.stop();
    if (ticking !== null) around.cancel(ticking);
  }

  return {
    state,
    link,
    refusal,
    now,
    trails,
    /** Milliseconds since the state came: to be added to every age in it. */
    elapsedMs: computed(() => (state.value === null ? 0 : Math.max(0, now.value - receivedAt.value))),
    lost: computed(() => link.value.kind === "lost"),
    start,
    stop,
    follow: (topic: string, handler: (news: News) => void): (() => void) => live().follow(topic, handler),
    retryNow: () => stream?.retryNow(),
    reconnect: () => stream?.reconnect(),
  };
});

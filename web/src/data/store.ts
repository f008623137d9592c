// What the page shows: the newest document, when it came, and how the connection stands.

import { computed, readonly, ref, shallowRef, type Ref } from "vue";

import { browser, Connection, type Link, type Surroundings } from "./connection";
import type { State } from "./document";

export interface Store {
  readonly state: Readonly<Ref<State | null>>;
  readonly link: Readonly<Ref<Link>>;
  /** Milliseconds since the document came: to be added to every age in it. */
  readonly elapsedMs: Readonly<Ref<number>>;
  readonly now: Readonly<Ref<number>>;
  start(): void;
  stop(): void;
  retryNow(): void;
}

/** How often ages are counted on while no document comes. */
const TICK_MS = 500;

export function createStore(around: Surroundings = browser()): Store {
  const state = shallowRef<State | null>(null);
  const link = ref<Link>({ kind: "connecting" });
  const receivedAt = ref(0);
  const now = ref(around.now());
  let ticking: number | null = null;

  const connection = new Connection(
    {
      state: (next, at) => {
        state.value = next;
        receivedAt.value = at;
        now.value = at;
      },
      link: (next) => {
        if (next.kind !== "live" || link.value.kind !== "live") link.value = next;
      },
    },
    around,
  );

  const tick = (): void => {
    now.value = around.now();
    ticking = around.later(tick, TICK_MS);
  };

  return {
    state,
    link: readonly(link) as Readonly<Ref<Link>>,
    now: readonly(now),
    elapsedMs: computed(() => (state.value === null ? 0 : Math.max(0, now.value - receivedAt.value))),
    start: () => {
      connection.start();
      tick();
    },
    stop: () => {
      connection.stop();
      if (ticking !== null) around.cancel(ticking);
    },
    retryNow: () => connection.retryNow(),
  };
}

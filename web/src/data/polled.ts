// A value of the API that is asked for again and again while somebody looks at it.

import { onMounted, onUnmounted, shallowRef, ref, type Ref, type ShallowRef } from "vue";

import { told } from "../api/client";

export interface Polled<T> {
  held: ShallowRef<T>;
  problem: Ref<string>;
  refresh: () => Promise<void>;
}

export function usePolled<T>(ask: () => Promise<T>, first: T, everyMs: number): Polled<T> {
  const held = shallowRef(first) as ShallowRef<T>;
  const problem = ref("");
  let timer: number | null = null;
  let over = false;

  async function refresh(): Promise<void> {
    try {
      held.value = await ask();
      problem.value = "";
    } catch (error) {
      problem.value = told(error);
    }
  }
  /** The next question only after the answer to this one: a slow host isn't asked faster than it answers. */
  async function go(): Promise<void> {
    await refresh();
    if (!over) timer = window.setTimeout(() => void go(), everyMs);
  }
  onMounted(() => void go());
  onUnmounted(() => {
    over = true;
    if (timer !== null) window.clearTimeout(timer);
  });
  return { held, problem, refresh };
}

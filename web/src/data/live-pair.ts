// One pair in full, while somebody looks at it: its book, its readings, and what stood in it over the last minutes.

import { computed, onUnmounted, ref, shallowRef } from "vue";

import { pastHeat } from "../api/system";
import { useLive } from "../stores/live";
import { largeLevels, type LargeLevel } from "./analyses";
import { Book, readBook } from "./book";
import { readReadings, type Reading } from "./document";
import { decimalsOf } from "./format";
import { Heat, ROWS } from "./heat";
import { Trail } from "./trail";

/** Levels a side asked for: all that the exchange's channel has. */
const LEVELS = 400;
/** The book is drawn at most so often, however often it changes. */
const DRAW_EVERY_MS = 200;
/** A column of the heatmap. */
const COLUMN_EVERY_MS = 1_000;
/** Columns kept: ten minutes. */
const COLUMNS = 600;
/** Readings kept for the small lines of score and index: ten minutes of one a second. */
const POINTS = 600;

/** A large level as it stood for a while: a bubble of the time line. */
export interface Bubble extends LargeLevel {
  at: number;
}

/** A pair as it is seen: refs, handed on as they are, so that a change draws the panel that shows it and nothing else. */
export type LivePair = ReturnType<typeof useLivePair>;

export function useLivePair(id: string) {
  const live = useLive();
  const book = new Book();
  const bookAt = ref<number | null>(null);
  const hasBook = computed(() => bookAt.value !== null);
  const readings = shallowRef<Record<string, Reading>>({});
  const readingsAt = ref<number | null>(null);
  const heat = new Heat(COLUMNS);
  const bubbles = shallowRef<Bubble[]>([]);
  const lines = { score: new Trail(POINTS), index: new Trail(POINTS) };
  const lineTick = ref(0);
  /** Counts the drawings of the book and of the columns: the objects themselves stay the same. */
  const bookTick = ref(0);
  const heatTick = ref(0);

  /** Decimals of the instrument's prices: the most that were seen, since the exchange leaves zeros out. */
  const decimals = ref(0);

  let drawnAt = 0;
  let columnAt = 0;
  let drawing: number | null = null;
  let bubbleAt = 0;

  const draw = (): void => {
    drawing = null;
    drawnAt = performance.now();
    bookTick.value += 1;
  };

  const leaveBook = live.follow(`book:${id}:${LEVELS}`, (news) => {
    const held = readBook(news.data);
    if (held === null) return;
    book.take(held, news.change);
    for (const side of [held.bids, held.asks]) for (const level of side) decimals.value = Math.max(decimals.value, decimalsOf(level.shown));
    // A host that sends a book also knows what stood in it before.
    if (bookAt.value === null) void begin();
    bookAt.value = news.at;
    const middle = book.middle();
    if (middle !== null && news.at - columnAt >= COLUMN_EVERY_MS) {
      columnAt = news.at;
      heat.push(news.at, middle, book.bids.all, book.asks.all);
      heatTick.value += 1;
    }
    // One drawing for all changes of a moment.
    drawing ??= window.setTimeout(draw, Math.max(0, DRAW_EVERY_MS - (performance.now() - drawnAt)));
  });

  const leaveReadings = live.follow(`readings:${id}`, (news) => {
    const held = readReadings(news.data, news.time);
    if (held === null) return;
    if (news.at - bubbleAt < 250 && readingsAt.value !== null) return;
    readings.value = held;
    readingsAt.value = news.at;
    if (news.at - bubbleAt >= COLUMN_EVERY_MS) {
      bubbleAt = news.at;
      const large = largeLevels(held["large_orders"]?.fields["large_orders.large_levels"]).map((level) => ({ ...level, at: news.at }));
      const oldest = news.at - COLUMNS * COLUMN_EVERY_MS;
      bubbles.value = [...bubbles.value.filter((bubble) => bubble.at >= oldest), ...large];
      const number = (plugin: string, field: string): number | null => {
        const text = held[plugin]?.fields[field] ?? "";
        return text === "" || !Number.isFinite(Number(text)) ? null : Number(text);
      };
      const [score, index] = [number("depth_anomaly", "depth_anomaly_score"), number("liquidity", "liquidity_index")];
      if (score !== null) lines.score.push(score);
      if (index !== null) lines.index.push(index);
      lineTick.value += 1;
    }
  });

  /** What stood in the book before somebody looked, where the host still has it. */
  async function begin(): Promise<void> {
    try {
      const past = await pastHeat(id, (COLUMNS * COLUMN_EVERY_MS) / 1000);
      if (past.rows !== ROWS) return;
      heat.begin(past.step, past.columns.map((column) => ({ at: column.time_ms, middle: column.middle, low: column.low, cells: Float32Array.from(column.cells) })));
      heatTick.value += 1;
    } catch {
      // It begins empty, and fills.
    }
  }
  onUnmounted(() => {
    leaveBook();
    leaveReadings();
    if (drawing !== null) window.clearTimeout(drawing);
  });
  return { book, bookAt, hasBook, decimals, bookTick, readings, readingsAt, heat, heatTick, bubbles, lines, lineTick };
}

import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { createApp, nextTick, type App as Application } from "vue";

import { createPinia, setActivePinia } from "pinia";

import App from "../src/App.vue";
import { PAIR_STATES } from "../src/data/document";
import { followLanguage, i18n } from "../src/i18n";
import { en } from "../src/i18n/en";
import { zh } from "../src/i18n/zh";
import { router } from "../src/router";
import { useSettings } from "../src/stores/settings";
import { FakeSurroundings } from "./surroundings";

const reading = (outcome: string, fields: object, more: object = {}) => ({ outcome, age_ms: 50, version: "1.0.0", fields, ...more });
const LIVE = {
  instrument_id: "BTC-USDT",
  state: "live",
  trust: "chain",
  best_bid: "30199.9",
  best_ask: "30200.0",
  age_ms: 80,
  readings: {
    support_resistance: reading("ok", { support_level_1: "30150.0", zones: "[1,2]" }),
    depth_anomaly: reading("warming", { depth_anomaly_score: "" }, { remaining_ms: 252_000, detail: "needs 5 minutes of books" }),
    imbalance: reading("ok", { ratio: "0.25" }),
  },
};

let application: Application | null = null;

const shown = (...pairs: object[]) => pageOf({ pairs });

async function pageOf(more: object) {
  const around = new FakeSurroundings();
  const root = document.createElement("div");
  document.body.append(root);
  const pinia = createPinia();
  setActivePinia(pinia);
  application = createApp(App, { surroundings: around });
  application.use(pinia);
  followLanguage();
  useSettings().language = "en";
  application.use(i18n).use(router);
  await router.push("/");
  await router.isReady();
  application.mount(root);
  around.push({ feed: "simulator", monitoring: { active_pairs: "1" }, pairs: [], ...more });
  // The page is a piece of its own, loaded when it is opened.
  await vi.waitFor(() => {
    if (root.querySelector("[data-pair], .empty") === null) throw new Error("no page yet");
  }, 30_000);
  await nextTick();
  const find = (selector: string) => root.querySelector(selector);
  return { around, root, find, text: (selector: string) => (find(selector)?.textContent ?? "").replace(/\s+/g, " ").trim() };
}

beforeAll(() => {
  // No host answers here; what the page asks by HTTP fails, and the page lives with it.
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("no network")));
});
afterEach(() => {
  application?.unmount();
  document.body.replaceChildren();
});

describe("the page", () => {
  it("shows a pair's state in words, its prices as sent, and its readings", async () => {
    const page = await shown(LIVE);
    expect(page.text('[data-test="state"]')).toBe("live");
    expect(page.text('[data-test="bid"]')).toBe("30 199.9");
    expect(page.text('[data-test="price"]')).toBe("30 200.0");
    expect(page.text('[data-field="support_level_1"]')).toBe("30 150.0");
    expect(page.text('[data-field="support_level_2"]')).toBe("–");
    expect(page.text('[data-plugin="large_orders"]')).toContain(en.noReading);
  });

  it("shows what a warming analysis still needs, and no number", async () => {
    const page = await shown(LIVE);
    expect(page.text('[data-plugin="depth_anomaly"] .pill')).toBe(en.outcome.warming);
    expect(page.find('[data-plugin="depth_anomaly"] [title="needs 5 minutes of books"]')).not.toBeNull();
    expect(page.find('[data-field="depth_anomaly_score"]')).toBeNull();
  });

  it("shows a plugin it has never heard of", async () => {
    const page = await shown(LIVE);
    expect(page.text('[data-plugin="imbalance"]')).toContain("ratio0.25");
  });

  it("greys out what is old: a book out of step, and figures without a connection", async () => {
    const page = await shown(LIVE, { ...LIVE, instrument_id: "ETH-USDT", state: "resyncing", reason: "a gap" });
    expect(page.find('[data-pair="BTC-USDT"]')?.classList.contains("stale")).toBe(false);
    expect(page.find('[data-pair="ETH-USDT"]')?.classList.contains("stale")).toBe(true);
    expect(page.text('[data-pair="ETH-USDT"] .reason')).toContain("a gap");
    page.around.newest.onclose?.();
    await nextTick();
    expect(page.find('[data-pair="BTC-USDT"]')?.classList.contains("stale")).toBe(true);
    expect(page.text('[data-test="lost"]')).toContain("Connection to the host lost");
  });

  it("greys out a pair whose frames have stopped, though the host still pushes", async () => {
    const page = await shown({ ...LIVE, age_ms: 20_000 });
    expect(page.find('[data-pair="BTC-USDT"]')?.classList.contains("stale")).toBe(true);
  });

  it("gives each state a word, a shape and a colour of its own, and makes all but live and suspect stand out", async () => {
    const page = await shown(...PAIR_STATES.map((state) => ({ ...LIVE, instrument_id: `${state.toUpperCase()}-USDT`, state })));
    const seen = { word: new Set(), shape: new Set(), colour: new Set() };
    for (const state of PAIR_STATES) {
      const card = page.find(`[data-pair="${state.toUpperCase()}-USDT"]`);
      const pill = card?.querySelector('[data-test="state"]');
      seen.word.add(pill?.textContent?.trim());
      seen.shape.add(pill?.querySelector("svg")?.innerHTML);
      seen.colour.add(pill?.className);
      const fine = state === "live" || state === "suspect";
      expect([state, card?.classList.contains("attention"), card?.classList.contains("stale")]).toEqual([state, !fine, !fine]);
    }
    expect([seen.word.size, seen.shape.size, seen.colour.size]).toEqual([7, 7, 7]);
  });

  it("names wanted pairs that don't run, as text, and has no banner when all do", async () => {
    const page = await pageOf({ pairs: [LIVE], pairs_left_out: ["ADA-USDT", "XRP-USDT"], pairs_refused: ["<b>x"] });
    expect(page.text('[data-test="not-run"]')).toBe(`${en.leftOut} ADA-USDT, XRP-USDT${en.noNames} “<b>x”`);
    page.around.push({ pairs: [LIVE] });
    await nextTick();
    expect(page.find('[data-test="not-run"]')).toBeNull();
  });

  it("says how to add a pair when there is none", async () => {
    expect((await shown()).text(".empty")).toContain("SADD config:trading_pairs");
  });

  it("speaks Chinese when asked", async () => {
    const page = await shown(LIVE);
    page.root.querySelector<HTMLButtonElement>("[data-language=zh]")?.click();
    await nextTick();
    expect(page.text('[data-test="state"]')).toBe(zh.state.live);
    expect(page.text('[data-plugin="depth_anomaly"]')).toContain(zh.outcome.warming);
    expect(document.documentElement.lang).toBe("zh-Hans");
  });

  it("puts the plugin's text on the page as text, never as markup", async () => {
    const page = await shown({ ...LIVE, readings: { bad: reading("fault", { x: "<img src=x>" }, { detail: "<b>bold</b>" }) } });
    expect(page.find("img[src=x]")).toBeNull();
    expect(page.find('[data-plugin="bad"] [title="<b>bold</b>"]')).not.toBeNull();
  });

  it("has the same words and the same blanks in both languages", () => {
    const blanks = (words: object): string[] =>
      Object.entries(words).flatMap(([key, held]) =>
        typeof held === "object" ? blanks(held as object).map((inner) => `${key}.${inner}`) : [`${key} ${(String(held).match(/\{\w+\}/g) ?? []).sort().join()}`],
      );
    expect(blanks(zh).sort()).toEqual(blanks(en).sort());
  });
});

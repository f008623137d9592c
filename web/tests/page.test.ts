import { afterEach, describe, expect, it } from "vitest";
import { createApp, nextTick, type App as Application } from "vue";

import App from "../src/App.vue";
import { createStore } from "../src/data/store";
import { language } from "../src/i18n";
import { en } from "../src/i18n/en";
import { zh } from "../src/i18n/zh";
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

async function shown(...pairs: object[]) {
  const around = new FakeSurroundings();
  const root = document.createElement("div");
  document.body.append(root);
  application = createApp(App, { store: createStore(around) });
  application.mount(root);
  around.push({ feed: "simulator", monitoring: { active_pairs: "1" }, pairs });
  await nextTick();
  const find = (selector: string) => root.querySelector(selector);
  return { around, root, find, text: (selector: string) => (find(selector)?.textContent ?? "").replace(/\s+/g, " ").trim() };
}

afterEach(() => {
  application?.unmount();
  document.body.replaceChildren();
  language.value = "en";
});

describe("the page", () => {
  it("shows a pair's state in words, its prices as sent, and its readings", async () => {
    const page = await shown(LIVE);
    expect(page.text('[data-test="state"]')).toBe("live");
    expect(page.text('[data-test="bid"]')).toBe("30 199.9");
    expect(page.text(".best")).toContain("0.1");
    expect(page.text('[data-field="support_level_1"]')).toBe("30 150.0");
    expect(page.text('[data-field="support_level_2"]')).toBe("–");
    expect(page.text('[data-plugin="large_orders"]')).toContain(en.noReading);
  });

  it("shows what a warming analysis still needs, and no number", async () => {
    const page = await shown(LIVE);
    expect(page.text('[data-plugin="depth_anomaly"] .pill')).toBe(`${en.outcome.warming} · 4:12 to go`);
    expect(page.text('[data-plugin="depth_anomaly"]')).toContain("needs 5 minutes of books");
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

  it("says how to add a pair when there is none", async () => {
    expect((await shown()).text(".empty")).toContain("SADD config:trading_pairs");
  });

  it("speaks Chinese when asked", async () => {
    const page = await shown(LIVE);
    page.root.querySelector<HTMLButtonElement>("[data-language=zh]")?.click();
    await nextTick();
    expect(page.text('[data-test="state"]')).toBe(zh.state.live);
    expect(page.text('[data-plugin="depth_anomaly"]')).toContain("还需 4:12");
    expect(document.documentElement.lang).toBe("zh-Hans");
  });

  it("puts the plugin's text on the page as text, never as markup", async () => {
    const page = await shown({ ...LIVE, readings: { bad: reading("fault", { x: "<img src=x>" }, { detail: "<b>bold</b>" }) } });
    expect(page.find("img[src=x]")).toBeNull();
    expect(page.text('[data-plugin="bad"]')).toContain("<b>bold</b>");
  });

  it("has the same words and the same blanks in both languages", () => {
    const blanks = (words: object): string[] =>
      Object.entries(words).flatMap(([key, held]) =>
        typeof held === "object" ? blanks(held as object).map((inner) => `${key}.${inner}`) : [`${key} ${(String(held).match(/\{\w+\}/g) ?? []).sort().join()}`],
      );
    expect(blanks(zh).sort()).toEqual(blanks(en).sort());
  });
});

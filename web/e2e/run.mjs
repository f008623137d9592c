// The page in a real browser, against a running host: LEADLINE_URL names it. Chromium is the machine's own.
//
// Each check is a sentence and a condition with a deadline. The last line counts them.

import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import process from "node:process";

import { chromium } from "playwright-core";

const url = process.env.LEADLINE_URL;
if (!url) {
  console.error("e2e: LEADLINE_URL isn't set\n  hint: LEADLINE_URL=http://127.0.0.1:8080 npm run e2e");
  process.exit(2);
}
const DEADLINE_MS = 30_000;
/** Pictures of both widths go here when it is set. */
const pictures = process.env.LEADLINE_SCREENSHOTS;
const browserPath =
  process.env.CHROMIUM ??
  ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));
if (!browserPath) {
  console.error("e2e: no Chromium found\n  hint: apt-get install chromium, or CHROMIUM=/path/to/it");
  process.exit(2);
}

let passed = 0;
let failed = 0;
async function check(sentence, action) {
  try {
    await action();
    passed += 1;
    console.log(`ok    ${sentence}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${sentence}\n      ${String(error.message ?? error).split("\n").slice(0, 3).join("\n      ")}`);
  }
}
function expect(condition, otherwise) {
  if (!condition) throw new Error(otherwise);
}

const browser = await chromium.launch({
  executablePath: browserPath,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});

async function open(width, height, colorScheme, locale) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, locale });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  const errors = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(url);
  return { page, errors };
}
async function picture(page, name) {
  if (!pictures) return;
  await mkdir(pictures, { recursive: true });
  await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
}

try {
  const { page, errors } = await open(1440, 900, "light", "en-US");
  await check("the connection says that it is live", () => page.waitForSelector('[data-test="link"].good'));
  await check("the pairs of the host's own state are on the page, each live with a bid and an ask", async () => {
    const state = await (await fetch(new URL("/api/v1/state", url))).json();
    expect(state.pairs.length > 0, "the host names no pair");
    for (const { instrument_id: id } of state.pairs) {
      await page.waitForFunction((wanted) => {
        const card = document.querySelector(`[data-pair="${wanted}"]`);
        const price = (side) => /\d/.test(card?.querySelector(`[data-test="${side}"]`)?.textContent ?? "");
        return card?.querySelector('[data-test="state"][data-state="live"]') && price("bid") && price("ask");
      }, id);
    }
  });
  await check("each pair shows a support, a resistance and its large orders", () =>
    page.waitForFunction(() => {
      const cards = [...document.querySelectorAll("[data-pair]")];
      const shown = (card, field) => /\d/.test(card.querySelector(`[data-field="${field}"]`)?.textContent ?? "");
      const support = (card) => shown(card, "support_level_1") || shown(card, "resistance_level_1");
      return cards.length > 0 && cards.every((card) => support(card) && shown(card, "large_buy_orders"));
    }));
  await check("depth anomaly and liquidity give a reading or say what is missing", () =>
    page.waitForFunction(() => {
      const blocks = [...document.querySelectorAll('[data-plugin="depth_anomaly"], [data-plugin="liquidity"]')];
      const honest = (block) =>
        ["ok", "provisional"].includes(block.dataset.outcome) ||
        (block.dataset.outcome === "warming" && block.querySelector(".pill") !== null);
      return blocks.length > 0 && blocks.every(honest);
    }));
  await check("readings go on: some price on the page changes by itself", async () => {
    const prices = () => [...document.querySelectorAll('[data-test="bid"], [data-test="ask"]')].map((cell) => cell.textContent).join();
    const before = await page.evaluate(prices);
    await page.waitForFunction(
      (earlier) => [...document.querySelectorAll('[data-test="bid"], [data-test="ask"]')].map((cell) => cell.textContent).join() !== earlier,
      before,
    );
  });
  await check("the switch turns every word to Chinese and back", async () => {
    await page.click("[data-language=zh]");
    await page.waitForFunction(() => document.body.textContent.includes("大额订单") && !document.body.textContent.includes("Large orders"));
    expect((await page.getAttribute("html", "lang")) === "zh-Hans", "the page doesn't say that it is Chinese");
    await picture(page, "desk-zh");
    await page.click("[data-language=en]");
    await page.waitForFunction(() => document.body.textContent.includes("Large orders"));
    await picture(page, "desk-en");
  });
  await check("nothing was written to the console as an error on the desk", () => expect(errors.length === 0, errors.join("; ")));

  for (const width of [360, 390]) {
    const phone = await open(width, 800, "dark", "zh-CN");
    await check(`at ${width} px, dark and Chinese, nothing is wider than the screen`, async () => {
      await phone.page.waitForSelector("[data-pair] [data-field=large_buy_orders]");
      expect((await phone.page.evaluate(() => document.documentElement.lang)) === "zh-Hans", "the browser's language isn't taken up");
      const wide = await phone.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(wide <= 0, `${wide} px stick out`);
      await picture(phone.page, `phone-${width}`);
    });
    await check(`nothing was written to the console as an error at ${width} px`, () =>
      expect(phone.errors.length === 0, phone.errors.join("; ")));
  }

  await check("a pair in any other state than live says so in word, shape and reason, and pairs that don't run are named", async () => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-US" });
    const changed = await context.newPage();
    changed.setDefaultTimeout(DEADLINE_MS);
    const states = ["live", "suspect", "resyncing", "connecting", "subscribing", "refused", "stopped"];
    await changed.routeWebSocket(/\/api\/v1\/stream$/, (route) => {
      const server = route.connectToServer();
      // The host's own document, with its first pair once in each state.
      server.onMessage((message) => {
        const document = JSON.parse(message);
        const [pair] = document.pairs;
        const reason = (state) => (["live", "subscribing", "stopped"].includes(state) ? null : `why it is ${state}`);
        const drifted = { audits: 12, drift: 1, delay_reliable: "no", verified_share_1h: 0.99987 };
        const said = { live: { audits: 12, drift: 0, delay_reliable: "yes", verified_share_1h: 1 }, suspect: drifted };
        document.pairs = states.map((state) => ({ ...pair, ...said[state], instrument_id: `${state.toUpperCase()}-USDT`, state, reason: reason(state) }));
        document.pairs_left_out = ["ADA-USDT", "DOGE-USDT"];
        document.pairs_refused = ["btc usdt"];
        route.send(JSON.stringify(document));
      });
    });
    await changed.goto(url);
    for (const state of states) {
      const card = changed.locator(`[data-pair="${state.toUpperCase()}-USDT"]`);
      await card.waitFor();
      expect((await card.locator(`[data-test="state"][data-state="${state}"] svg`).count()) === 1, `${state} has no shape`);
      expect((await card.innerText()).includes(state), `${state} isn't said`);
      const stale = await card.evaluate((element) => element.classList.contains("stale"));
      expect(stale === !["live", "suspect"].includes(state), `numbers of a ${state} pair are ${stale ? "grey" : "as if live"}`);
    }
    expect((await changed.textContent('[data-pair="REFUSED-USDT"] .reason')).includes("why it is refused"), "no reason");
    const named = await changed.textContent('[data-test="not-run"]');
    expect(["ADA-USDT", "DOGE-USDT", "btc usdt"].every((name) => named.includes(name)), named);
    await picture(changed, "states-desk");
    await changed.setViewportSize({ width: 390, height: 800 });
    const wide = await changed.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(wide <= 0, `${wide} px stick out on a phone`);
    await picture(changed, "states-phone");
  });

  await check("a lost connection is said plainly, and heals by itself", async () => {
    // Chromium's offline mode leaves open sockets alone, so the stream itself is cut and refused for a while.
    const context = await browser.newContext({ locale: "en-US" });
    const cut = await context.newPage();
    cut.setDefaultTimeout(DEADLINE_MS);
    let refuse = false;
    const routes = [];
    await cut.routeWebSocket(/\/api\/v1\/stream$/, (route) => {
      if (refuse) return void route.close();
      routes.push(route);
      route.connectToServer();
    });
    await cut.goto(url);
    await cut.waitForSelector('[data-test="link"].good');
    refuse = true;
    await Promise.all(routes.map((route) => route.close()));
    await cut.waitForSelector('[data-test="lost"]');
    refuse = false;
    await cut.waitForSelector('[data-test="link"].good');
    expect((await cut.locator('[data-test="lost"]').count()) === 0, "it still says lost");
  });
} finally {
  await browser.close();
}
console.log(`e2e: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

// The overview: every pair live, honest about what isn't, in two languages, on a desk and on a phone.

import { check, DEADLINE_MS, expect, open, picture, sticksOut } from "./harness.mjs";

export async function overview(browser, url) {
  const { page, errors, context } = await open(browser, url);
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
      const honest = (block) => ["ok", "provisional"].includes(block.dataset.outcome) || (block.dataset.outcome === "warming" && block.querySelector(".pill") !== null);
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
  await check("the first load is under 350 kB on the wire", async () => {
    const sizes = await page.evaluate(() => performance.getEntriesByType("resource").filter((one) => /\.(js|css)$/.test(one.name)).map((one) => [one.name, one.encodedBodySize]));
    const sum = sizes.reduce((total, [, size]) => total + size, 0);
    expect(sum > 0 && sum < 350_000, `${sum} bytes: ${sizes.map(([name, size]) => `${name.split("/").at(-1)} ${size}`).join(", ")}`);
    expect(!sizes.some(([name]) => /\/charts-/.test(name)), "the charts come with the first load");
  });
  await check("the switch turns every word to Chinese and back", async () => {
    await page.click("[data-language=zh]");
    await page.waitForFunction(() => document.documentElement.lang === "zh-Hans" && document.body.innerText.includes("总览"));
    await page.click("[data-language=en]");
    await page.waitForFunction(() => document.documentElement.lang === "en" && document.body.innerText.includes("Overview"));
  });
  await check("the settings close on Escape, and an address that leads nowhere says so", async () => {
    await page.click('[data-test="settings"]');
    await page.waitForSelector('[data-test="settings-open"]', { state: "visible" });
    await page.keyboard.press("Escape");
    await page.waitForSelector('[data-test="settings-open"]', { state: "hidden" });
    await page.goto(`${url}/#/nowhere/at/all`);
    await page.waitForSelector('[data-test="unknown-page"]');
    await page.goto(`${url}/#/`);
    await page.waitForSelector("[data-pair]");
  });
  await picture(page, "overview");
  await check("latency by stage is drawn and in numbers", async () => {
    await page.click(".manage summary");
    await page.waitForSelector('[data-test="stages"] canvas');
    await page.waitForFunction(() => document.querySelectorAll('[data-test="stages"] [data-stage]').length >= 5);
    await picture(page, "stages");
    await page.click(".manage summary");
  });
  await check("nothing was written to the console as an error on the desk", () => expect(errors.length === 0, errors.join("; ")));
  await context.close();

  for (const width of [360, 390]) {
    const phone = await open(browser, url, { width, height: 800, colorScheme: "dark", locale: "zh-CN" });
    await check(`at ${width} px, dark and Chinese, nothing is wider than the screen`, async () => {
      await phone.page.waitForSelector("[data-pair] [data-field=large_buy_orders]");
      expect((await phone.page.evaluate(() => document.documentElement.lang)) === "zh-Hans", "the browser's language isn't taken up");
      const wide = await sticksOut(phone.page);
      expect(wide <= 0, `${wide} px stick out`);
      await picture(phone.page, `overview-phone-${width}`);
    });
    await check(`nothing was written to the console as an error at ${width} px`, () => expect(phone.errors.length === 0, phone.errors.join("; ")));
    await phone.context.close();
  }
}

export async function states(browser, url) {
  await check("a pair in any other state than live says so in word, shape and reason, and pairs that don't run are named", async () => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-US" });
    const changed = await context.newPage();
    changed.setDefaultTimeout(DEADLINE_MS);
    const words = ["live", "suspect", "resyncing", "connecting", "subscribing", "refused", "stopped"];
    await changed.routeWebSocket(/\/api\/v1\/stream$/, (route) => {
      const server = route.connectToServer();
      // The host's own news, with its first pair once in each state.
      server.onMessage((text) => {
        const message = JSON.parse(text);
        if (message.topic !== "state") return route.send(text);
        const [pair] = message.data.pairs;
        const reason = (state) => (["live", "subscribing", "stopped"].includes(state) ? null : `why it is ${state}`);
        message.data.pairs = words.map((state) => ({ ...pair, instrument_id: `${state.toUpperCase()}-USDT`, state, reason: reason(state) }));
        message.data.pairs_left_out = ["ADA-USDT", "DOGE-USDT"];
        message.data.pairs_refused = ["btc usdt"];
        route.send(JSON.stringify(message));
      });
    });
    await changed.goto(url);
    for (const state of words) {
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
    const troubled = await changed.textContent('[data-test="troubled"]');
    expect(words.slice(1).every((state) => troubled.includes(`${state.toUpperCase()}-USDT`)), `the first line names only ${troubled}`);
    await picture(changed, "states");
    await changed.setViewportSize({ width: 390, height: 800 });
    const wide = await sticksOut(changed);
    expect(wide <= 0, `${wide} px stick out on a phone`);
    await picture(changed, "states-phone");
    await context.close();
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
    await context.close();
  });
}

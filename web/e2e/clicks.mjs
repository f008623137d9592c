// What a person who doesn't know the program finds from the overview within two clicks. Each check counts its clicks.

import { check, DEADLINE_MS, expect, open } from "./harness.mjs";

/** A page whose clicks are counted. */
function counted(page) {
  let clicks = 0;
  return { click: (selector) => ((clicks += 1), page.click(selector)), within: (most) => expect(clicks <= most, `${clicks} clicks`) };
}

export async function clicks(browser, url) {
  await check("within two clicks from the overview: why a pair isn't live", async () => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-US" });
    const page = await context.newPage();
    page.setDefaultTimeout(DEADLINE_MS);
    await page.routeWebSocket(/\/api\/v1\/stream$/, (route) => {
      const server = route.connectToServer();
      server.onMessage((text) => {
        const message = JSON.parse(text);
        const pair = message.topic === "state" ? message.data.pairs.find((one) => one.instrument_id === "BTC-USDT") : undefined;
        if (pair !== undefined) Object.assign(pair, { state: "resyncing", reason: "a frame is missing: it follows 41, the book is at 40" });
        route.send(JSON.stringify(message));
      });
    });
    await page.goto(url);
    const hand = counted(page);
    await hand.click('[data-test="troubled"] a:has-text("BTC-USDT")');
    await page.waitForFunction(() => {
      const said = document.querySelector('[data-panel="feed"]')?.textContent ?? "";
      return said.includes("a frame is missing") && said.includes("Nothing is published until a fresh book has come");
    });
    hand.within(2);
    await context.close();
  });

  await check("within two clicks from the overview: which plugin version produced a number, and which file that is", async () => {
    const { page, context } = await open(browser, url);
    const hand = counted(page);
    const row = '[data-pair="BTC-USDT"] [data-plugin="large_orders"]';
    const version = (await (await page.waitForSelector(`${row} [data-test="version"]`, { state: "attached" })).textContent())?.trim();
    expect(/^\d+\.\d+\.\d+$/.test(version ?? ""), `the tile says ${version}`);
    await hand.click(`${row} a`);
    await page.waitForFunction((wanted) => document.querySelector('[data-test="version"]')?.textContent?.trim() === wanted, version);
    expect(/[0-9a-f]{16}/.test((await page.textContent("main .card code")) ?? ""), "no digest");
    hand.within(2);
    await context.close();
  });

  await check("within two clicks from the overview: what alerted in the last hour", async () => {
    const { page, context } = await open(browser, url);
    const hand = counted(page);
    await page.waitForSelector('[data-test="alerts-hour"]');
    const { alerts } = await (await fetch(new URL("/api/v1/alerts/recent?limit=500", url))).json();
    const late = new Set(alerts.filter((alert) => alert.changed_ms >= Date.now() - 3_600_000).map((alert) => alert.id));
    await hand.click('[data-test="alerts-hour"]');
    await page.waitForFunction((least) => document.querySelectorAll("[data-alert]").length >= least && document.body.innerText.includes("last hour"), late.size);
    hand.within(2);
    await context.close();
  });
}

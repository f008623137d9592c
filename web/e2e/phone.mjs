// Every page on a phone, dark and in Chinese: nothing sticks out, and every number can be reached.

import { check, expect, open, picture, sticksOut } from "./harness.mjs";

const PAGES = { overview: "/", pair: "/pairs/BTC-USDT", alerts: "/alerts", plugins: "/plugins", plugin: "/plugins/large_orders", history: "/history" };

export async function phone(browser, url) {
  for (const [name, path] of Object.entries(PAGES)) {
    await check(`on a phone nothing sticks out of ${path}`, async () => {
      const { page, context } = await open(browser, `${url}/#${path}`, { width: 390, height: 844, colorScheme: "dark", locale: "zh-CN" });
      await page.waitForSelector('[data-test="link"].good');
      await page.waitForSelector("main h1");
      await page.waitForFunction(() => document.querySelectorAll("main .card, main .panel, main .tile, main .alerts li, main .filters").length > 0);
      expect(await page.isVisible('[data-test="feed-kind"]'), "nothing says that the market is simulated");
      const wide = await sticksOut(page);
      expect(wide <= 0, `${wide} px stick out`);
      await picture(page, `phone-${name}`);
      await context.close();
    });
  }
}

// Every page is looked at by axe: nothing serious may be found, in light and in dark.

import { createRequire } from "node:module";

import { check, DEADLINE_MS, expect } from "./harness.mjs";

const PAGES = ["/", "/pairs/BTC-USDT", "/alerts", "/plugins", "/plugins/large_orders", "/history"];
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

export async function accessibility(browser, url) {
  for (const colorScheme of ["light", "dark"]) {
    // The page's own policy would forbid a script from elsewhere, which axe is.
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme, locale: "en-US", bypassCSP: true });
    for (const path of PAGES) {
      await check(`axe finds nothing serious at ${path} in ${colorScheme}`, async () => {
        const page = await context.newPage();
        page.setDefaultTimeout(DEADLINE_MS);
        await page.goto(`${url}/#${path}`);
        await page.waitForSelector('[data-test="link"].good');
        await page.waitForSelector("main h1");
        await page.addScriptTag({ path: AXE });
        const found = await page.evaluate(async () => {
          const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
          const serious = violations.filter((one) => ["serious", "critical"].includes(one.impact));
          return serious.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.target.join(" ")).join(" | ")}`);
        });
        expect(found.length === 0, found.join("\n"));
        await page.close();
      });
    }
    await context.close();
  }
}

// A pair's page: the live book, its panels, and how they are arranged.

import { check, expect, open, picture, sticksOut } from "./harness.mjs";

export async function pair(browser, url) {
  const { page, errors, context } = await open(browser, `${url}/#/`);
  await check("a click on a pair leads to its page, whose ladder is live", async () => {
    await page.click('[data-pair="BTC-USDT"] h2 a');
    await page.waitForFunction(() => document.querySelectorAll(".ladder .bids tr").length >= 10 && document.querySelectorAll(".ladder .asks tr").length >= 10);
    const sizes = () => [...document.querySelectorAll(".ladder td")].map((cell) => cell.textContent).join();
    const before = await page.evaluate(sizes);
    await page.waitForFunction((earlier) => [...document.querySelectorAll(".ladder td")].map((cell) => cell.textContent).join() !== earlier, before);
  });
  await check("best bid and best ask of the ladder don't cross", () =>
    page.waitForFunction(() => {
      const price = (cell) => Number((cell?.textContent ?? "").replace(/[^\d.]/g, ""));
      const bid = price(document.querySelector(".ladder .bids tr:first-child td"));
      const ask = price(document.querySelector(".ladder .asks tr:last-child td"));
      return bid > 0 && ask > bid;
    }));
  await check("support, resistance, large orders and their distribution are shown with the version that made them", async () => {
    await page.waitForFunction(() => /[SR]1 /.test(document.querySelector('[data-panel="levels"] table')?.textContent ?? ""));
    await page.waitForFunction(() => document.querySelectorAll('[data-panel="large"] tbody tr').length > 0 && document.querySelectorAll('[data-panel="large"] .spread-out > div').length >= 5);
    await page.waitForFunction(() => /\d+\.\d+\.\d+/.test(document.querySelector('[data-panel="levels"] .panel-title small')?.textContent ?? ""));
  });
  await check("depth chart and heatmap are drawn", async () => {
    await page.waitForSelector('[data-panel="depth"] canvas');
    await page.waitForFunction(() => {
      const canvas = document.querySelector("canvas.heat");
      const data = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      // Something brighter than the ground of the picture, and more than a line of it.
      let bright = 0;
      for (let at = 0; at < data.length; at += 4) if (data[at + 2] > 90) bright += 1;
      return bright > 500;
    });
  });
  await picture(page, "pair");
  await check("panels move by the keyboard, stay where they were put, and come along in a link", async () => {
    const place = (held) => held.evaluate(() => document.querySelector('[gs-id="depth"]')?.getAttribute("gs-y"));
    const before = await place(page);
    await page.click('[data-test="arrange"]');
    await page.focus('[data-panel="depth"] .panel-title');
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.waitForFunction((earlier) => document.querySelector('[gs-id="depth"]')?.getAttribute("gs-y") !== earlier, before);
    const moved = await place(page);
    await page.reload();
    await page.waitForFunction((wanted) => document.querySelector('[gs-id="depth"]')?.getAttribute("gs-y") === wanted, moved);
    await page.click('[data-test="layout-share"]');
    await page.waitForFunction(() => location.href.includes("layout="));
    const other = await open(browser, page.url());
    await other.page.waitForFunction((wanted) => document.querySelector('[gs-id="depth"]')?.getAttribute("gs-y") === wanted, moved);
    await other.context.close();
    await page.click('[data-test="layout-reset"]');
    await page.waitForFunction((wanted) => document.querySelector('[gs-id="depth"]')?.getAttribute("gs-y") === wanted, before);
  });
  await check("nothing was written to the console as an error on the pair's page", () => expect(errors.length === 0, errors.join("; ")));
  await context.close();

  const phone = await open(browser, `${url}/#/pairs/BTC-USDT`, { width: 390, height: 844, colorScheme: "dark", locale: "zh-CN" });
  await check("on a phone the panels stand one below the other and nothing sticks out", async () => {
    await phone.page.waitForFunction(() => document.querySelectorAll(".ladder .bids tr").length >= 10);
    await phone.page.waitForFunction(() => new Set([...document.querySelectorAll(".grid-stack-item")].map((panel) => panel.getBoundingClientRect().left)).size === 1);
    const wide = await sticksOut(phone.page);
    expect(wide <= 0, `${wide} px stick out`);
    await picture(phone.page, "pair-phone");
  });
  await phone.context.close();
}

// A pair's page: the live book, its panels, and how they are arranged.

import { check, expect, open, picture, sticksOut, until } from "./harness.mjs";

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
    await page.waitForFunction(() => /\d+\.\d+\.\d+/.test(document.querySelector('[data-panel="levels"] .panel-title a.version')?.textContent ?? ""));
    await page.waitForFunction(() => /^[0-9a-f]{8}$/.test(document.querySelector('[data-panel="levels"] .panel-title a.version code')?.textContent ?? ""));
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
  await check("a panel is dragged and resized by the mouse, and stays so", async () => {
    /** Where the panel stands: x, y, width, height. */
    const place = () => page.evaluate(() => ["gs-x", "gs-y", "gs-w", "gs-h"].map((name) => document.querySelector('[gs-id="levels"]')?.getAttribute(name)).join("."));
    /** Another place than before, which is also the one that this browser keeps. */
    const settled = (before) =>
      until("the panel's new place is kept", async () => {
        const now = await place();
        return now !== before && (await page.evaluate((held) => Object.values(localStorage).some((text) => text.includes(held)), `levels.${now}`)) ? now : null;
      });
    const drag = async (from, dx, dy) => {
      await page.mouse.move(from.x, from.y);
      await page.mouse.down();
      // A person's hand passes through places between.
      for (let step = 1; step <= 8; step += 1) await page.mouse.move(from.x + (dx * step) / 8, from.y + (dy * step) / 8);
      await page.mouse.up();
    };
    const box = async (selector) => {
      const held = page.locator(selector);
      const { x, y, width, height } = await held.boundingBox();
      return { x: x + width / 2, y: y + height / 2 };
    };
    await page.click('[data-test="arrange"]');
    const before = await place();
    // The whole panel is in view: nothing scrolls under the hand, which would hide the corner again.
    const show = () => page.locator('[data-panel="levels"]').evaluate((panel) => panel.scrollIntoView({ block: "center" }));
    await show();
    await drag(await box('[data-panel="levels"] .panel-title'), 460, 0);
    const moved = await settled(before);
    expect(Number(moved.split(".")[0]) > Number(before.split(".")[0]), `${before} became ${moved}`);
    await show();
    await page.hover('[data-panel="levels"]');
    await drag(await box('[gs-id="levels"] > .ui-resizable-se'), 0, -140);
    const sized = await settled(moved);
    expect(Number(sized.split(".")[3]) < Number(moved.split(".")[3]), `${moved} became ${sized}`);
    await page.reload();
    await until("the panel stands there again", async () => (await place()) === sized);
    await page.click('[data-test="layout-reset"]');
    await until("the panel is back", async () => (await place()) === before);
  });
  await check("the heatmap of a page that was just opened begins with what stood before", async () => {
    const past = await (await fetch(new URL("/api/v1/books/BTC-USDT/heat", url))).json();
    expect(past.columns.length >= 10 && past.columns[0].cells.length === past.rows, `${past.columns.length} columns`);
    const fresh = await open(browser, `${url}/#/pairs/BTC-USDT`);
    await fresh.page.waitForFunction((least) => {
      const canvas = document.querySelector("canvas.heat");
      if (!canvas?.width) return false;
      const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      let columns = 0;
      for (let x = 0; x < width; x += 1) {
        let bright = 0;
        for (let y = 0; y < height; y += 2) if (data[4 * (y * width + x) + 2] > 60) bright += 1;
        if (bright > 10) columns += 1;
      }
      return columns >= least;
    }, Math.min(200, past.columns.length));
    await picture(fresh.page, "pair");
    await fresh.context.close();
  });
  await check("every field of a plugin is drawn by its kind, with unit and meaning", async () => {
    await page.waitForSelector('[data-panel="readings"] .reading');
    for (const summary of await page.locator('[data-panel="readings"] .reading > details > summary').all()) await summary.click();
    await page.waitForFunction(() => ["number", "document"].every((kind) => document.querySelector(`[data-panel="readings"] [data-drawn="${kind}"]`) !== null));
    await page.waitForFunction(() => [...document.querySelectorAll('[data-panel="readings"] [data-drawn="number"] small')].some((unit) => unit.textContent?.trim()));
    await page.waitForFunction(() => [...document.querySelectorAll('[data-panel="readings"] dt small')].some((said) => (said.textContent ?? "").length > 10));
  });
  await check("nothing was written to the console as an error on the pair's page", () => expect(errors.length === 0, errors.join("; ")));
  await context.close();

  await check("a pair that no host runs says so first, with empty panels and no error", async () => {
    const none = await open(browser, `${url}/#/pairs/NOPE-USDT`);
    await none.page.waitForSelector('[data-test="pair-trouble"]');
    await none.page.waitForFunction(() => ["ladder", "heat", "depth"].every((name) => /no book yet/.test(document.querySelector(`[data-panel="${name}"]`)?.textContent ?? "")));
    expect(none.errors.length === 0, none.errors.join("; "));
    await picture(none.page, "pair-none");
    await none.context.close();
  });

  const phone = await open(browser, `${url}/#/pairs/BTC-USDT`, { width: 390, height: 844, colorScheme: "dark", locale: "zh-CN" });
  await check("on a phone the panels stand one below the other and nothing sticks out", async () => {
    await phone.page.waitForFunction(() => document.querySelectorAll(".ladder .bids tr").length >= 10);
    await phone.page.waitForFunction(() => new Set([...document.querySelectorAll(".grid-stack-item")].map((panel) => panel.getBoundingClientRect().left)).size === 1);
    const wide = await sticksOut(phone.page);
    expect(wide <= 0, `${wide} px stick out`);
    const cut = await phone.page.evaluate(() => [...document.querySelectorAll(".whole-rows, [data-test=bands]")].filter((one) => one.scrollWidth > one.clientWidth || one.getBoundingClientRect().right > window.innerWidth).length);
    expect(cut === 0, `${cut} tables are wider than their panel`);
    await picture(phone.page, "pair-phone");
  });
  await phone.context.close();
}

// What a person changes from the page, with a token: pairs, rules, plugins, a look at history, and a host that is started again.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tmpdir } from "node:os";
import process from "node:process";

import { check, components, expect, open, picture, until } from "./harness.mjs";

const json = async (url, path) => (await fetch(new URL(path, url))).json();

/** Any component with a section of no meaning at its end: another file to the host, the same plugin. */
function anotherFile(bytes) {
  const name = Buffer.from("e2e");
  const content = Buffer.concat([Buffer.from([name.length]), name, Buffer.from(String(Date.now()))]);
  return Buffer.concat([bytes, Buffer.from([0, content.length]), content]);
}

export async function changes(browser, url, token, demo) {
  const { page, context } = await open(browser, url, { token });
  await page.waitForSelector('[data-test="link"].good');

  await check("a pair is taken away and added again from the page", async () => {
    await page.fill('[data-test="add-pair"] input, input[data-test="add-pair"]', "XRP-USDT");
    await page.click(".manage form .el-button--danger");
    await page.click(".el-popconfirm .el-button--primary");
    await page.waitForFunction(() => document.querySelector('[data-pair="XRP-USDT"]') === null);
    await page.fill('[data-test="add-pair"] input, input[data-test="add-pair"]', "xrp-usdt");
    await page.click('.manage form button[type="submit"]');
    await page.waitForSelector('[data-pair="XRP-USDT"] [data-state="live"]');
  });
  await check("a change without a token is refused in words, with what to do", async () => {
    const stranger = await open(browser, url);
    await stranger.page.waitForSelector('[data-test="link"].good');
    await stranger.page.fill('[data-test="add-pair"] input, input[data-test="add-pair"]', "BTC-USDT");
    await stranger.page.click('.manage form button[type="submit"]');
    await stranger.page.waitForFunction(() => /token/i.test(document.querySelector(".manage .problem")?.textContent ?? ""));
    await stranger.context.close();
  });

  await check("a rule is tried on history, saved, and its alert arrives on the page", async () => {
    await page.goto(`${url}/#/alerts`);
    await page.getByRole("tab", { name: "Rules" }).click();
    await page.click('[data-test="new-rule"]');
    await page.fill('[data-test="rule-name"] input, input[data-test="rule-name"]', "e2e_frames");
    await page.click('[data-test="rule-field"]');
    await page.keyboard.type("system.frames");
    await page.waitForFunction(() => [...document.querySelectorAll(".el-select-dropdown__item")].some((one) => one.textContent?.trim() === "system.frames"));
    await page.keyboard.press("Enter");
    await page.fill('[data-test="rule-threshold"] input, input[data-test="rule-threshold"]', "0");
    await page.click('[data-test="try-rule"]');
    await page.waitForSelector('[data-test="preview"]');
    await picture(page, "rule");
    await page.click('[data-test="save-rule"]');
    await page.waitForSelector('[data-rule="e2e_frames"]');
    await page.getByRole("tab", { name: "Alerts" }).click();
    await page.waitForSelector('[data-alert="e2e_frames"][data-state="firing"]');
  });
  await check("the alert is acknowledged, and the count in the heading follows", async () => {
    await page.click('[data-alert="e2e_frames"] [data-test="acknowledge"]');
    await page.waitForSelector('[data-alert="e2e_frames"][data-state="acknowledged"]');
    await picture(page, "alerts");
  });

  await check("parameters of a plugin are changed in its form, and the running version has them", async () => {
    await page.goto(`${url}/#/plugins/large_orders`);
    const field = page.locator("[data-parameter] .el-input-number input").first();
    await field.waitFor();
    const name = await page.locator("[data-parameter]:has(.el-input-number)").first().getAttribute("data-parameter");
    const before = Number(await field.inputValue());
    await field.fill(String(before === 0 ? 0.01 : before * 1.05));
    await field.press("Tab");
    await page.click('[data-test="save-parameters"]');
    await until("the parameter is at work", async () => {
      const plugin = await json(url, "/api/v1/plugins/large_orders");
      return plugin.work?.parameters?.[name] !== undefined && Math.abs(plugin.work.parameters[name] - before) > 1e-12;
    });
    await picture(page, "plugin");
  });
  await check("a component is uploaded and takes over while readings go on", async () => {
    const file = join(components, "large_orders.wasm");
    const changed = join(tmpdir(), `large_orders-${process.pid}.wasm`);
    await writeFile(changed, anotherFile(await readFile(file)));
    const before = (await json(url, "/api/v1/plugins/large_orders")).work.digest;
    await page.goto(`${url}/#/plugins`);
    await page.waitForSelector('[data-plugin-card="large_orders"]');
    await page.setInputFiles('[data-test="install"]', changed);
    await page.waitForSelector('[data-test="install-said"].fine');
    await until("another digest at work", async () => (await json(url, "/api/v1/plugins/large_orders")).work?.digest !== before);
    await picture(page, "plugins");
  });
  await check("a file that is no component is refused with its phase and a hint, and the version at work goes on", async () => {
    const bad = join(tmpdir(), `bad-${process.pid}.wasm`);
    await writeFile(bad, "this is no component");
    await page.setInputFiles('[data-test="install"]', bad);
    await page.waitForSelector('[data-test="install-said"].problem');
    expect((await json(url, "/api/v1/plugins/large_orders")).work !== null, "the plugin is gone");
  });

  await check("history draws a field over time and exports it", async () => {
    await page.goto(`${url}/#/history`);
    await page.waitForSelector('[data-test="history"] canvas');
    const [file] = await Promise.all([page.waitForEvent("download"), page.click('[data-test="export-csv"]')]);
    const text = await readFile(await file.path(), "utf8");
    expect(text.split("\n").length > 2, `the file has ${text.length} bytes`);
    await picture(page, "history");
  });
  await check("history and alerts are exported as Parquet, which begins and ends as such", async () => {
    const parquet = async (button) => {
      const [file] = await Promise.all([page.waitForEvent("download"), page.click(button)]);
      const bytes = await readFile(await file.path());
      expect(bytes.length > 100 && [bytes.subarray(0, 4), bytes.subarray(-4)].every((four) => four.toString() === "PAR1"), `${button}: ${bytes.length} bytes`);
    };
    await parquet('[data-test="export-parquet"]');
    await page.goto(`${url}/#/alerts`);
    await page.waitForSelector("[data-alert]");
    await parquet('[data-test="export-alerts-parquet"]');
    const [shown] = await Promise.all([page.waitForEvent("download"), page.click('[data-test="export-shown"]')]);
    expect(JSON.parse(await readFile(await shown.path(), "utf8")).length > 0, "no alert in the file");
  });
  await check("a report of a period prints with its span, chart and table, and without buttons", async () => {
    await page.goto(`${url}/#/history`);
    await page.waitForSelector('[data-test="history"] canvas');
    await page.emulateMedia({ media: "print" });
    await page.waitForSelector('[data-test="report-head"]', { state: "visible" });
    expect(/\d{4}-\d\d-\d\d .* – \d{4}/.test(await page.innerText('[data-test="report-head"]')), "no span");
    expect(!(await page.isVisible('[data-test="export-csv"]')) && !(await page.isVisible("header.page")), "buttons are printed");
    const pdf = await page.pdf({ format: "A4", landscape: true });
    expect(pdf.length > 10_000, `${pdf.length} bytes`);
    await picture(page, "report");
    await page.emulateMedia({ media: null });
  });

  if (demo) {
    await check("a host that is started again is found again by the open page, by itself", async () => {
      await page.goto(`${url}/#/`);
      await page.waitForSelector('[data-test="link"].good');
      await demo.halt();
      await page.waitForSelector('[data-test="lost"]');
      await demo.run(new URL(url).host);
      await page.waitForSelector('[data-test="link"].good');
      await page.waitForSelector('[data-pair="BTC-USDT"] [data-state="live"]');
    });
  }
  await context.close();
}

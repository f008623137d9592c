// The pages in a real browser, against a real host with its own Redis and exchange. Chromium is the machine's own.
//
// LEADLINE_URL (and LEADLINE_TOKEN) name a host that runs already; else LEADLINE_PROGRAM is started as a demo, and stopped again.
// Each check is a sentence and a condition with a deadline. The last line counts them.

import process from "node:process";

import { count, Demo, launch } from "./harness.mjs";
import { accessibility } from "./accessibility.mjs";
import { changes } from "./changes.mjs";
import { clicks } from "./clicks.mjs";
import { behindNginx } from "./nginx.mjs";
import { overview, states } from "./overview.mjs";
import { pair } from "./pair.mjs";
import { phone } from "./phone.mjs";

const program = process.env.LEADLINE_PROGRAM;
if (!process.env.LEADLINE_URL && !program) {
  console.error("e2e: neither LEADLINE_URL nor LEADLINE_PROGRAM is set\n  hint: make e2e, or LEADLINE_URL=http://127.0.0.1:8710 npm run e2e");
  process.exit(2);
}
const demo = process.env.LEADLINE_URL ? null : await Demo.start(program);
const url = process.env.LEADLINE_URL ?? demo.url;
const token = process.env.LEADLINE_TOKEN ?? demo?.token ?? "";
const browser = await launch();
try {
  await overview(browser, url);
  await states(browser, url);
  await pair(browser, url);
  await phone(browser, url);
  await accessibility(browser, url);
  await changes(browser, url, token, demo);
  await clicks(browser, url);
  await behindNginx(browser, url, token);
} finally {
  await browser.close();
  if (count.failed > 0 && demo) console.error(`e2e: the demo's last lines:\n${demo.output.split("\n").slice(-30).join("\n")}`);
  await demo?.stop();
}
console.log(`e2e: ${count.passed} passed, ${count.failed} failed`);
process.exit(count.failed === 0 && count.passed > 0 ? 0 : 1);

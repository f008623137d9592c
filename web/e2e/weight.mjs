// What an open pair page costs its browser: how busy the main thread is, and whether memory grows. Against a demo of ten pairs with twenty
// books a second each, of which the stream brings ten a second to the page.
//
// node web/e2e/weight.mjs [busy SECONDS] [memory MINUTES]: without words, both, 20 s and 20 minutes. Prints figures; fails over the limits.
// LEADLINE_PROGRAM (or LEADLINE_URL) as for run.mjs. LEADLINE_TRACE=yes also says what the main thread did.

import process from "node:process";

import { Demo, launch, open, until } from "./harness.mjs";

/** Share of its time that the main thread may be busy. */
const BUSY_LIMIT = 0.3;
/** Growth of the heap between the thirds of the run after everything that is kept is full, as a factor. */
const GROWTH_LIMIT = 1.1;
/** What a page keeps is full after ten minutes of a column a second. */
const FULL_AFTER_MINUTES = 11;
/** Without a look at it before, a page's first seconds are compiling and loading. */
const WARM_UP_MS = 10_000;

const words = process.argv.slice(2);
const asked = (word, usual) => {
  const at = words.indexOf(word);
  return words.length === 0 ? usual : at < 0 ? 0 : Number(words[at + 1] ?? usual);
};
const [seconds, minutes] = [asked("busy", 20), asked("memory", 20)];
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function figures(session) {
  const { metrics } = await session.send("Performance.getMetrics");
  return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
}

/** What the main thread's time goes into: own time of each kind of event, percent of the span, by the browser's own trace. */
async function traced(browser, page, span) {
  await browser.startTracing(page, { categories: ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline", "blink", "cc"] });
  await pause(span);
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
  const name = new Map(traceEvents.filter((event) => event.name === "thread_name").map((event) => [`${event.pid} ${event.tid}`, event.args.name]));
  const threads = new Map();
  for (const event of traceEvents) {
    const thread = `${event.pid} ${event.tid}`;
    if (event.ph === "X" && name.get(thread) === "CrRendererMain") (threads.get(thread) ?? threads.set(thread, []).get(thread)).push(event);
  }
  // The page that is looked at is the busiest of them.
  const busiest = [...threads.values()].sort((a, b) => b.length - a.length)[0] ?? [];
  const own = new Map();
  const open_ = [];
  for (const event of busiest.sort((a, b) => a.ts - b.ts || b.dur - a.dur)) {
    while (open_.length > 0 && open_.at(-1).ts + open_.at(-1).dur <= event.ts) open_.pop();
    const parent = open_.at(-1);
    if (parent !== undefined) own.set(parent.name, (own.get(parent.name) ?? 0) - event.dur);
    own.set(event.name, (own.get(event.name) ?? 0) + event.dur);
    open_.push(event);
  }
  return [...own].map(([kind, us]) => [kind, us / (10 * span)]).sort((a, b) => b[1] - a[1]).slice(0, 14);
}

/** The page's updates of a book so far, counted by the page's own socket. */
function countBooks(page) {
  let books = 0;
  page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => (books += String(payload).startsWith('{"type":"news","topic":"book:') ? 1 : 0)));
  return () => books;
}

const demo = process.env.LEADLINE_URL ? null : await Demo.start(process.env.LEADLINE_PROGRAM, ["--market-pairs", "10", "--rate", "200", "--shape", "even"]);
const url = process.env.LEADLINE_URL ?? demo.url;
const browser = await launch();
let good = true;
try {
  // How long until the first pair is there, in a browser that has nothing of the page yet; and how much came for it.
  const loads = [];
  let kilobytes = 0;
  for (let time = 0; time < 5; time += 1) {
    const first = await open(browser, "about:blank");
    const begun = performance.now();
    await first.page.goto(url, { waitUntil: "commit" });
    await first.page.waitForSelector("[data-pair]");
    loads.push(performance.now() - begun);
    const sizes = await first.page.evaluate(() => performance.getEntriesByType("resource").filter((one) => /\.(js|css)$/.test(one.name)).map((one) => one.encodedBodySize));
    kilobytes = sizes.reduce((sum, size) => sum + size, 0) / 1000;
    await first.context.close();
  }
  loads.sort((a, b) => a - b);
  console.log(`first load: ${kilobytes.toFixed(0)} kB of scripts and styles; the first pair after ${loads[2].toFixed(0)} ms (of five loads ${loads[0].toFixed(0)} to ${loads[4].toFixed(0)})`);
  const { page, errors } = await open(browser, "about:blank");
  const books = countBooks(page);
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "timeTicks" });
  await page.goto(`${url}/#/pairs/BTC-USDT`);
  await until("the ladder", () => page.evaluate(() => document.querySelectorAll(".ladder .bids tr").length >= 10));
  await pause(WARM_UP_MS);

  if (seconds > 0) {
    const [before, held] = [await figures(session), books()];
    await pause(seconds * 1000);
    const after = await figures(session);
    const span = after.Timestamp - before.Timestamp;
    const share = (name) => (100 * (after[name] - before[name])) / span;
    const busy = share("TaskDuration");
    console.log(`main thread busy ${busy.toFixed(1)} % over ${span.toFixed(0)} s at ${((books() - held) / span).toFixed(1)} books a second`);
    console.log(`  of it scripts ${share("ScriptDuration").toFixed(1)}, styles ${share("RecalcStyleDuration").toFixed(1)}, layout ${share("LayoutDuration").toFixed(1)}`);
    good &&= busy < 100 * BUSY_LIMIT;
    if (process.env.LEADLINE_TRACE) {
      for (const [kind, percent] of await traced(browser, page, 10_000)) console.log(`  ${percent.toFixed(2).padStart(6)} %  ${kind}`);
    }
  }
  if (minutes > 0) {
    const heaps = [];
    for (let minute = 1; minute <= minutes; minute += 1) {
      await pause(60_000);
      // Twice: what finalisers let go is collected the second time.
      await session.send("HeapProfiler.collectGarbage");
      await session.send("HeapProfiler.collectGarbage");
      const now = await figures(session);
      heaps.push(now.JSHeapUsedSize);
      console.log(`minute ${minute}: heap ${(now.JSHeapUsedSize / 1e6).toFixed(1)} MB, ${now.Nodes} nodes, ${now.JSEventListeners} listeners, ${books()} books`);
    }
    const full = heaps.slice(FULL_AFTER_MINUTES);
    const third = Math.floor(full.length / 3);
    if (third > 0) {
      const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
      const growth = mean(full.slice(-third)) / mean(full.slice(0, third));
      console.log(`heap of the last ${third} minutes against the first ${third} after minute ${FULL_AFTER_MINUTES}: ${growth.toFixed(3)}`);
      good &&= growth < GROWTH_LIMIT;
    }
  }
  if (errors.length > 0) console.log(`errors on the console: ${errors.join("; ")}`);
  good &&= errors.length === 0;
} finally {
  await browser.close();
  await demo?.stop();
}
process.exit(good ? 0 : 1);

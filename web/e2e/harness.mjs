// What every check needs: a host to look at, a browser to look with, and a count of what held.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

import { chromium } from "playwright-core";

/** The components that were built. */
export const components = process.env.LEADLINE_PLUGINS ?? "target/plugins";
export const DEADLINE_MS = 45_000;
/** Pictures go here when it is set. */
const pictures = process.env.LEADLINE_SCREENSHOTS;
export const count = { passed: 0, failed: 0 };

/** One check: a sentence, and a condition that has a deadline of its own. */
export async function check(sentence, action) {
  try {
    await action();
    count.passed += 1;
    console.log(`ok    ${sentence}`);
  } catch (error) {
    count.failed += 1;
    console.log(`FAIL  ${sentence}\n      ${String(error.message ?? error).split("\n").slice(0, 4).join("\n      ")}`);
  }
}
export function expect(condition, otherwise) {
  if (!condition) throw new Error(otherwise);
}
/** Waits until `ask` gives something true. */
export async function until(what, ask, deadlineMs = DEADLINE_MS) {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const held = await ask();
    if (held) return held;
    if (Date.now() > end) throw new Error(`${what}: not within ${deadlineMs / 1000} s`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** A demo of its own: Redis, exchange, host, page. Null where LEADLINE_URL names one that runs already. */
export class Demo {
  /** `more`: further flags of `leadline demo`. */
  static async start(program, more = []) {
    const demo = new Demo();
    (demo.program = program), (demo.more = more);
    demo.data = await mkdtemp(join(tmpdir(), "leadline-e2e-"));
    // Plugins of its own: the checks change their parameters and exchange them.
    const plugins = join(demo.data, "plugins");
    await mkdir(plugins);
    for (const name of await readdir(components)) if (name.endsWith(".wasm")) await copyFile(join(components, name), join(plugins, name));
    await demo.run("127.0.0.1:0");
    return demo;
  }

  async run(address) {
    this.output = "";
    this.child = spawn(this.program, ["demo", "--api-addr", address, "--redis-port", "0", "--data", this.data, "--plugin-dir", join(this.data, "plugins"), ...this.more], { stdio: ["ignore", "pipe", "pipe"] });
    const ended = new Promise((done) => this.child.once("exit", done));
    this.ended = ended;
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on("data", (text) => (this.output = (this.output + text).slice(-200_000)));
    // Components are compiled at a first start.
    this.url = await until(
      "the demo's address",
      () => {
        expect(this.child.exitCode === null, `the demo ended:\n${this.output.slice(-2_000)}`);
        return /page\s+(http:\/\/127\.0\.0\.1:\d+)/.exec(this.output)?.[1];
      },
      120_000,
    );
    this.token = (await readFile(join(this.data, "api-token"), "utf8")).trim();
  }

  async halt() {
    this.child.kill("SIGINT");
    await this.ended;
  }
  async stop() {
    await this.halt();
    await rm(this.data, { recursive: true, force: true });
  }
}

export async function launch() {
  const path = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((one) => existsSync(one));
  if (!path) {
    console.error("e2e: no Chromium found\n  hint: apt-get install chromium, or CHROMIUM=/path/to/it");
    process.exit(2);
  }
  const quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
  return chromium.launch({ executablePath: path, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", ...quiet] });
}

/** A page of its own in a fresh profile, with what it writes to the console as errors. */
export async function open(browser, url, { width = 1440, height = 900, colorScheme = "light", locale = "en-US", token = "" } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, locale, acceptDownloads: true });
  if (token) await context.addInitScript((held) => sessionStorage.setItem("leadline.token", held), token);
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  const errors = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(url);
  return { page, errors, context };
}
export async function picture(page, name) {
  if (!pictures) return;
  await mkdir(pictures, { recursive: true });
  await page.screenshot({ path: `${pictures}/${name}.png` });
}
/** How far something sticks out of the screen to the right, in pixels. */
export const sticksOut = (page) => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);

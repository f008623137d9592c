// The page as files behind nginx, by the configuration in deploy/: the page loads from nginx alone, its calls and its stream go to the host.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";

import { check, expect, open, until } from "./harness.mjs";

const NGINX = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"].find((one) => existsSync(one));
const HERE = new URL(".", import.meta.url).pathname;

const freePort = () =>
  new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });

export async function behindNginx(browser, url, token) {
  if (NGINX === undefined) {
    console.log("left out: the page behind nginx, which this machine doesn't have");
    return;
  }
  await check("behind nginx, by deploy/nginx.conf, the page is live, packed, and refuses what the host refuses", async () => {
    const folder = await mkdtemp(join(tmpdir(), "leadline-nginx-"));
    const port = await freePort();
    const replaced = [
      ["127.0.0.1:8710", new URL(url).host],
      ["listen 8080", `listen 127.0.0.1:${port}`],
      ["/srv/leadline/web/dist", resolve(HERE, "../dist")],
    ];
    let server = await readFile(resolve(HERE, "../../deploy/nginx.conf"), "utf8");
    for (const [from, to] of replaced) {
      expect(server.includes(from), `deploy/nginx.conf has no ${from}`);
      server = server.replaceAll(from, to);
    }
    const types = existsSync("/etc/nginx/mime.types") ? "include /etc/nginx/mime.types;" : "types { text/html html; text/css css; text/javascript js; image/svg+xml svg; }";
    const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
    const user = process.getuid?.() === 0 ? "user root;" : "";
    await writeFile(join(folder, "nginx.conf"), `${user}\ndaemon off;\npid ${folder}/pid;\nevents {}\nhttp {\n${types}\naccess_log off;\n${places}\n${server}\n}\n`);
    const nginx = spawn(NGINX, ["-p", folder, "-e", join(folder, "errors"), "-c", join(folder, "nginx.conf")], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    nginx.stderr.on("data", (text) => (said += text));
    const ended = new Promise((done) => nginx.once("exit", done));
    try {
      const own = `http://127.0.0.1:${port}`;
      await until("nginx answers", async () => {
        expect(nginx.exitCode === null, said);
        return (await fetch(own).catch(() => null))?.ok;
      });
      const page = await fetch(own, { headers: { "accept-encoding": "gzip" } });
      expect(page.headers.get("content-security-policy")?.includes("default-src 'self'"), "no policy");
      const script = /src="(\/assets\/[^"]+\.js)"/.exec(await page.text())?.[1];
      const asset = await fetch(own + script, { headers: { "accept-encoding": "gzip" } });
      expect(asset.headers.get("content-encoding") === "gzip" && /max-age=31536000/.test(asset.headers.get("cache-control") ?? ""), `${script} isn't packed, or not kept`);
      const unnamed = await fetch(`${own}/api/v1/state`);
      expect(unnamed.status === 401, `without a token ${unnamed.status}`);
      const bearer = { authorization: `Bearer ${token}` };
      expect((await fetch(`${own}/api/v1/state`, { headers: bearer })).ok, "not even with a token");
      const foreign = await fetch(`${own}/api/v1/pairs`, { method: "POST", headers: { ...bearer, origin: "https://evil.example", "content-type": "application/json" }, body: "{}" });
      expect(foreign.status === 403, `a foreign page gets ${foreign.status}`);
      const held = await open(browser, own, { token });
      await held.page.waitForSelector('[data-test="link"].good');
      await held.page.waitForSelector('[data-pair="BTC-USDT"] [data-state="live"]');
      await held.page.goto(`${own}/#/pairs/BTC-USDT`);
      await held.page.waitForFunction(() => document.querySelectorAll(".ladder .bids tr").length >= 10);
      expect(held.errors.length === 0, held.errors.join("; "));
      await held.context.close();
    } finally {
      nginx.kill("SIGTERM");
      await ended;
      await rm(folder, { recursive: true, force: true });
    }
  });
}

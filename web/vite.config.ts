import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

// The page and its data come from one place, the host. For `npm run dev` the host is elsewhere: LEADLINE_URL names it.
const host = process.env["LEADLINE_URL"] ?? "http://127.0.0.1:8710";

export default defineConfig({
  plugins: [vue()],
  server: { proxy: { "/api": { target: host, ws: true } } },
  build: { target: "es2022" },
  test: { environment: "happy-dom", include: ["tests/**/*.test.ts"] },
});

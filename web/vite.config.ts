import vue from "@vitejs/plugin-vue";
import { ElementPlusResolver } from "unplugin-vue-components/resolvers";
import components from "unplugin-vue-components/vite";
import { compression, defineAlgorithm } from "vite-plugin-compression2";
import { defineConfig } from "vitest/config";

// The page and its data come from one place, the host. For `npm run dev` the host is elsewhere: LEADLINE_URL names it.
const host = process.env["LEADLINE_URL"] ?? "http://127.0.0.1:8710";

export default defineConfig({
  plugins: [
    vue(),
    // Element Plus by the component: what no template names isn't loaded.
    components({ dts: false, dirs: [], resolvers: [ElementPlusResolver({ importStyle: "css" })] }),
    // The host serves these as they are to browsers that take them.
    compression({ algorithms: [defineAlgorithm("gzip", { level: 9 }), defineAlgorithm("brotliCompress")], threshold: 1024, include: /\.(html|js|css|svg|json)$/ }),
  ],
  server: { proxy: { "/api": { target: host, ws: true, changeOrigin: true } } },
  build: {
    target: "es2022",
    // The chart library is one piece by design, loaded with the first page that draws.
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "charts", priority: 1, test: /node_modules[\\/](echarts|zrender|vue-echarts)/ },
            { name: "base", priority: 2, test: /node_modules[\\/](vue|@vue|vue-router|pinia|vue-i18n|@intlify)[\\/]/ },
          ],
        },
      },
    },
  },
  // The first test of the page also loads the page, which takes long on a busy machine.
  test: { environment: "happy-dom", include: ["tests/**/*.test.ts"], testTimeout: 60_000, server: { deps: { inline: ["element-plus"] } } },
});

// The pages, each loaded when it is first opened.

import { createRouter, createWebHashHistory, type RouteRecordRaw } from "vue-router";

export const PAGES = ["overview", "alerts", "plugins", "history"] as const;

const routes: RouteRecordRaw[] = [
  { path: "/", name: "overview", component: () => import("./pages/OverviewPage.vue") },
  { path: "/pairs/:id", name: "pair", component: () => import("./pages/PairPage.vue"), props: true },
  { path: "/alerts", name: "alerts", component: () => import("./pages/AlertsPage.vue") },
  { path: "/plugins", name: "plugins", component: () => import("./pages/PluginsPage.vue") },
  { path: "/plugins/:name", name: "plugin", component: () => import("./pages/PluginPage.vue"), props: true },
  { path: "/history", name: "history", component: () => import("./pages/HistoryPage.vue") },
  { path: "/:rest(.*)*", name: "unknown", component: () => import("./pages/UnknownPage.vue") },
];

// Addresses behind a #, so that any plain file server can serve the page.
export const router = createRouter({
  history: createWebHashHistory(),
  routes,
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
});

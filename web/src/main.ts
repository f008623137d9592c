import { createPinia } from "pinia";
import { createApp } from "vue";

import "element-plus/theme-chalk/dark/css-vars.css";
import "./style.css";

import { useToken } from "./api/client";
import App from "./App.vue";
import { followLanguage, i18n } from "./i18n";
import { router } from "./router";
import { useSettings } from "./stores/settings";

const app = createApp(App);
app.use(createPinia());
followLanguage();
const settings = useSettings();
useToken(() => settings.token);
app.use(i18n).use(router).mount("#app");

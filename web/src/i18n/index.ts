// The words of the page, by vue-i18n, in the language that the settings name.

import { watch } from "vue";
import { createI18n } from "vue-i18n";

import { useSettings } from "../stores/settings";
import { en, type Words } from "./en";
import { zh } from "./zh";

/** Every language has the same keys, which the compiler checks. */
const messages: { en: Words; zh: Words } = { en, zh };

export const i18n = createI18n({ legacy: false, locale: "en", fallbackLocale: "en", messages });

/** Follows the settings; needs the stores, so it is called once they are there. */
export function followLanguage(): void {
  const settings = useSettings();
  watch(
    () => settings.language,
    (language) => (i18n.global.locale.value = language),
    { immediate: true, flush: "sync" },
  );
}

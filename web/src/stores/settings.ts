// What a person has set for this browser: language, light or dark, which colour means buying, the token for changes.

import { defineStore } from "pinia";
import { computed, ref, watch } from "vue";

export const LANGUAGES = ["en", "zh"] as const;
export type Language = (typeof LANGUAGES)[number];
export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];
/** `west`: green buys, red sells. `east`: red buys, green sells. `safe`: blue and orange, which everybody tells apart. */
export const PALETTES = ["west", "east", "safe"] as const;
export type Palette = (typeof PALETTES)[number];

const PREFIX = "leadline.";

function remembered<T extends string>(name: string, known: readonly T[]): T | null {
  const held = read(localStorageOrNone(), name);
  return known.find((one) => one === held) ?? null;
}
/** A browser that forbids storage still shows the page; it only forgets. */
function localStorageOrNone(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
function sessionStorageOrNone(): Storage | null {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}
function read(storage: Storage | null, name: string): string {
  try {
    return storage?.getItem(PREFIX + name) ?? "";
  } catch {
    return "";
  }
}
function keep(storage: Storage | null, name: string, value: string): void {
  try {
    if (value === "") storage?.removeItem(PREFIX + name);
    else storage?.setItem(PREFIX + name, value);
  } catch {
    // As above.
  }
}

/** A value of this browser under a name; other parts keep their layouts with it. */
export const kept = {
  read: (name: string): string => read(localStorageOrNone(), name),
  write: (name: string, value: string): void => keep(localStorageOrNone(), name, value),
};

export const useSettings = defineStore("settings", () => {
  const language = ref<Language>(remembered("language", LANGUAGES) ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en"));
  const theme = ref<Theme>(remembered("theme", THEMES) ?? "auto");
  const palette = ref<Palette>(remembered("palette", PALETTES) ?? "west");
  // For this tab alone: it may change things.
  const token = ref(read(sessionStorageOrNone(), "token"));

  const systemDark = ref(false);
  const asked = typeof window.matchMedia === "function" ? window.matchMedia("(prefers-color-scheme: dark)") : null;
  if (asked) {
    systemDark.value = asked.matches;
    asked.addEventListener("change", (event) => (systemDark.value = event.matches));
  }
  const dark = computed(() => theme.value === "dark" || (theme.value === "auto" && systemDark.value));

  watch(
    [language, theme, palette, dark],
    () => {
      const root = document.documentElement;
      root.lang = language.value === "zh" ? "zh-Hans" : "en";
      root.dataset["palette"] = palette.value;
      root.classList.toggle("dark", dark.value);
      root.style.colorScheme = dark.value ? "dark" : "light";
      kept.write("language", language.value);
      kept.write("theme", theme.value === "auto" ? "" : theme.value);
      kept.write("palette", palette.value);
    },
    { immediate: true },
  );
  watch(token, () => keep(sessionStorageOrNone(), "token", token.value));

  return { language, theme, palette, dark, token };
});

// The language of the page: the one chosen before, else the browser's, else English.

import { computed, ref, watchEffect } from "vue";

import { en, type Words } from "./en";
import { zh } from "./zh";

const LANGUAGES = { en, zh } satisfies Record<string, Words>;
export type Language = keyof typeof LANGUAGES;

const REMEMBERED = "leadline.language";

function first(): Language {
  let remembered: string | null = null;
  try {
    remembered = localStorage.getItem(REMEMBERED);
  } catch {
    // A browser that forbids storage still shows the page; it only forgets the choice.
  }
  if (remembered === "en" || remembered === "zh") return remembered;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export const language = ref<Language>(first());
export const words = computed<Words>(() => LANGUAGES[language.value]);
/** The languages with their own names, in the order of the switch. */
export const languages = (Object.keys(LANGUAGES) as Language[]).map((key) => ({ key, name: LANGUAGES[key].language }));

watchEffect(() => {
  document.documentElement.lang = language.value === "zh" ? "zh-Hans" : "en";
  try {
    localStorage.setItem(REMEMBERED, language.value);
  } catch {
    // As above.
  }
});

/** Puts values into a sentence: fill("{age} ago", { age: "3 s" }). */
export function fill(sentence: string, values: Record<string, string>): string {
  return sentence.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

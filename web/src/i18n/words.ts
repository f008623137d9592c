// Words that come from the host (states, outcomes, fields, plugins): translated where the page knows them, else shown as they are.

import { useI18n } from "vue-i18n";

export function useWords() {
  const { t, te } = useI18n();
  /** The word of a group, or itself. */
  const word = (group: string, name: string): string => {
    // A dot would lead into a deeper group.
    const key = `${group}.${name.replaceAll(".", "_")}`;
    return te(key) || te(key, "en") ? t(key) : name;
  };
  return { t, word };
}

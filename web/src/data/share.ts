// A link to what is seen now, into the clipboard; where there is none, into the address bar alone.

import { ElMessage } from "element-plus";
import "element-plus/es/components/message/style/css";

import { router } from "../router";

export async function share(query: Record<string, string>, said: string): Promise<void> {
  await router.replace({ query: { ...router.currentRoute.value.query, ...query } });
  try {
    await navigator.clipboard.writeText(location.href);
  } catch {
    // The address bar has it all the same.
  }
  ElMessage({ message: said, type: "success", duration: 2_500 });
}

// Where the frames come from, in one word: nobody may take a simulated price for a real one.

/** `live`: an exchange, at whatever address. `other`: words that this page doesn't know. */
export type FeedKind = "live" | "generated" | "recording" | "other";

/** Reads what the host calls its feed. */
export function feedKind(feed: string): FeedKind {
  const [first = ""] = feed.toLowerCase().split(/[\s:]/);
  return first === "live" || first === "generated" || first === "recording" ? first : "other";
}

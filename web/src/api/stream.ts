// The live stream: one WebSocket to the host, on which parts of the page have topics. It notices silence and heals itself with growing pauses.
//
// The protocol is that of docs/api.md: a welcome, then `subscribe`; news carry a topic and its sequence number. News that `follow` another
// are changes of it; where one is missing, the topic is asked for anew and comes whole.

export type Link =
  /** Never yet connected. */
  | { kind: "connecting" }
  | { kind: "live" }
  /** Lost; tried again at `retryAt` (milliseconds on the clock of `now`). */
  | { kind: "lost"; since: number; retryAt: number };

/** What the stream needs from its surroundings; tests give their own. */
export interface Surroundings {
  open(): WebSocket;
  now(): number;
  later(action: () => void, ms: number): number;
  cancel(handle: number): void;
  /** Between 0 and 1, so that many open pages don't come back in step. */
  chance(): number;
}

/** News of a topic. */
export interface News {
  data: unknown;
  /** The host's time, RFC 3339. */
  time: string | null;
  /** Whether `data` is what changed since the news before; else it is whole. */
  change: boolean;
  /** When it came, on the clock of `now`. */
  at: number;
}

export interface Listener {
  link(link: Link): void;
  /** The host refuses what was asked: a topic it doesn't have, a token it doesn't know. */
  refused(code: string, message: string, hint: string): void;
}

type Handler = (news: News) => void;

interface Topic {
  handlers: Set<Handler>;
  sequence: number | null;
  /** The newest whole news, for who comes later. */
  whole: News | null;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** Until the host has said how often something comes at least. */
const USUAL_BEAT_MS = 2_000;
/** Beats of silence that mean a dead line, whatever the socket says. */
const SILENT_BEATS = 2.5;
/** The host closes with it when the token isn't known any more. */
export const TOKEN_GONE = 4401;

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === "string" ? value : "");

export class Stream {
  private socket: WebSocket | null = null;
  private timer: number | null = null;
  private tries = 0;
  private lostSince: number | null = null;
  private closed = true;
  private welcomed = false;
  private beatMs = USUAL_BEAT_MS;
  private readonly topics = new Map<string, Topic>();

  constructor(
    private readonly listener: Listener,
    private readonly around: Surroundings,
  ) {}

  start(): void {
    if (!this.closed) return;
    this.closed = false;
    this.connect();
  }

  stop(): void {
    this.closed = true;
    this.arm(null);
    this.drop();
  }

  /** Tries at once, for a person who doesn't want to wait or a page that was just brought to the front. */
  retryNow(): void {
    if (this.closed || this.socket !== null) return;
    this.arm(null);
    this.connect();
  }

  /** Begins anew, as with another token. */
  reconnect(): void {
    if (this.closed) return;
    this.drop();
    this.arm(null);
    this.connect();
  }

  /** Has a topic until the function that comes back is called. Who comes later begins with the newest whole news. */
  follow(name: string, handler: Handler): () => void {
    let topic = this.topics.get(name);
    if (topic === undefined) {
      topic = { handlers: new Set(), sequence: null, whole: null };
      this.topics.set(name, topic);
      this.say({ op: "subscribe", topics: [name] });
    } else if (topic.whole !== null) {
      handler(topic.whole);
    } else if (topic.sequence !== null) {
      // Only changes were kept: asked for whole once more.
      this.renew(name, topic);
    }
    topic.handlers.add(handler);
    return () => {
      topic.handlers.delete(handler);
      if (topic.handlers.size > 0 || this.topics.get(name) !== topic) return;
      this.topics.delete(name);
      this.say({ op: "unsubscribe", topics: [name] });
    };
  }

  private connect(): void {
    let socket: WebSocket;
    try {
      socket = this.around.open();
    } catch {
      this.lost();
      return;
    }
    this.socket = socket;
    this.welcomed = false;
    this.beatMs = USUAL_BEAT_MS;
    this.watch();
    socket.onmessage = (event: MessageEvent<unknown>) => {
      if (typeof event.data === "string") this.hear(event.data);
    };
    socket.onclose = (event?: CloseEvent) => {
      if (event?.code === TOKEN_GONE) this.listener.refused("token_gone", event.reason, "");
      this.lost();
    };
  }

  private hear(json: string): void {
    let message: unknown;
    try {
      message = JSON.parse(json);
    } catch {
      return;
    }
    if (!isFields(message)) return;
    switch (message["type"]) {
      case "welcome":
        this.welcome(message);
        break;
      case "news":
        this.news(message);
        break;
      case "heartbeat":
      case "pong":
      case "subscribed":
        break;
      case "error":
        this.listener.refused(text(message["code"]), text(message["message"]), text(message["hint"]));
        break;
      default:
        return;
    }
    this.watch();
  }

  private welcome(message: Fields): void {
    const beat = message["heartbeat_ms"];
    if (typeof beat === "number" && beat > 0) this.beatMs = beat;
    this.welcomed = true;
    this.tries = 0;
    this.lostSince = null;
    for (const topic of this.topics.values()) [topic.sequence, topic.whole] = [null, null];
    if (this.topics.size > 0) this.say({ op: "subscribe", topics: [...this.topics.keys()] });
    this.listener.link({ kind: "live" });
  }

  private news(message: Fields): void {
    const name = text(message["topic"]);
    const topic = this.topics.get(name);
    const sequence = message["sequence"];
    if (topic === undefined || typeof sequence !== "number") return;
    const follows = message["follows"];
    const change = typeof follows === "number";
    if (change && follows !== topic.sequence) {
      this.renew(name, topic);
      return;
    }
    topic.sequence = sequence;
    const news: News = { data: message["data"], time: text(message["time"]) || null, change, at: this.around.now() };
    topic.whole = change ? null : news;
    for (const handler of topic.handlers) handler(news);
  }

  private renew(name: string, topic: Topic): void {
    topic.sequence = null;
    this.say({ op: "unsubscribe", topics: [name] });
    this.say({ op: "subscribe", topics: [name] });
  }

  private say(request: object): void {
    // What is asked for before the welcome is asked for with it.
    if (this.welcomed && this.socket !== null) this.socket.send(JSON.stringify(request));
  }

  private lost(): void {
    if (this.closed) return;
    this.drop();
    const now = this.around.now();
    this.lostSince ??= now;
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** this.tries, LONGEST_PAUSE_MS) * (0.75 + 0.5 * this.around.chance());
    this.tries = Math.min(this.tries + 1, 10);
    this.listener.link({ kind: "lost", since: this.lostSince, retryAt: now + pause });
    this.arm(() => this.connect(), pause);
  }

  private drop(): void {
    const socket = this.socket;
    if (socket === null) return;
    this.socket = null;
    this.welcomed = false;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  private watch(): void {
    this.arm(() => this.lost(), this.beatMs * SILENT_BEATS);
  }

  /** One timer at a time: the watch over silence, or the pause before the next try. */
  private arm(action: (() => void) | null, ms = 0): void {
    if (this.timer !== null) this.around.cancel(this.timer);
    this.timer = action === null ? null : this.around.later(action, ms);
  }
}

/** The browser's own surroundings: the stream of the host that served the page. */
export function browser(token: () => string): Surroundings {
  return {
    open: () => {
      const held = token();
      // A browser can't add a header to a WebSocket; a second protocol carries the token.
      const protocols = held === "" ? ["leadline.v1"] : ["leadline.v1", `leadline.token.${held}`];
      return new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/stream`, protocols);
    },
    now: () => Date.now(),
    later: (action, ms) => window.setTimeout(action, ms),
    cancel: (handle) => window.clearTimeout(handle),
    chance: () => Math.random(),
  };
}

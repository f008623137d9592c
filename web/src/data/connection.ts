// The live connection to the host: opens, notices silence, and heals itself with growing pauses.

import { readState, type State } from "./document";

export type Link =
  /** Never yet connected. */
  | { kind: "connecting" }
  | { kind: "live" }
  /** Lost; tried again at `retryAt` (milliseconds on the clock of `now`). */
  | { kind: "lost"; since: number; retryAt: number };

/** What the connection needs from its surroundings; tests give their own. */
export interface Surroundings {
  open(): WebSocket;
  now(): number;
  later(action: () => void, ms: number): number;
  cancel(handle: number): void;
  /** Between 0 and 1, so that many open pages don't come back in step. */
  chance(): number;
}

export interface Listener {
  state(state: State, at: number): void;
  link(link: Link): void;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** The host pushes four times a second: this much silence means that the line is dead, whatever the socket says. */
export const SILENCE_MS = 5_000;

export class Connection {
  private socket: WebSocket | null = null;
  private timer: number | null = null;
  private tries = 0;
  private lostSince: number | null = null;
  private closed = false;

  constructor(
    private readonly listener: Listener,
    private readonly around: Surroundings,
  ) {}

  start(): void {
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

  private connect(): void {
    let socket: WebSocket;
    try {
      socket = this.around.open();
    } catch {
      this.lost();
      return;
    }
    this.socket = socket;
    this.arm(() => this.lost(), SILENCE_MS);
    socket.onmessage = (event: MessageEvent<unknown>) => {
      const state = typeof event.data === "string" ? readState(event.data) : null;
      if (state === null) return;
      this.tries = 0;
      this.lostSince = null;
      this.arm(() => this.lost(), SILENCE_MS);
      this.listener.state(state, this.around.now());
      this.listener.link({ kind: "live" });
    };
    socket.onclose = () => this.lost();
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
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  /** One timer at a time: the watch over silence, or the pause before the next try. */
  private arm(action: (() => void) | null, ms = 0): void {
    if (this.timer !== null) this.around.cancel(this.timer);
    this.timer = action === null ? null : this.around.later(action, ms);
  }
}

/** The browser's own surroundings: the stream of the host that served the page. */
export function browser(): Surroundings {
  return {
    open: () => new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/stream`),
    now: () => Date.now(),
    later: (action, ms) => window.setTimeout(action, ms),
    cancel: (handle) => window.clearTimeout(handle),
    chance: () => Math.random(),
  };
}

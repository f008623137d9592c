// A clock, timers and sockets that a test moves by hand: nothing here waits.

import type { Surroundings } from "../src/api/stream";

export class FakeSocket {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event?: { code: number; reason: string }) => void) | null = null;
  closed = false;
  readonly sent: { op: string; topics?: string[] }[] = [];
  send(text: string): void {
    this.sent.push(JSON.parse(text) as { op: string });
  }
  close(): void {
    this.closed = true;
  }
}

export class FakeSurroundings implements Surroundings {
  readonly sockets: FakeSocket[] = [];
  private clock = 1_000_000;
  private timers: { handle: number; at: number; action: () => void }[] = [];
  private handles = 0;
  private sequences = new Map<string, number>();

  open(): WebSocket {
    const socket = new FakeSocket();
    this.sockets.push(socket);
    return socket as unknown as WebSocket;
  }
  now(): number {
    return this.clock;
  }
  later(action: () => void, ms: number): number {
    this.handles += 1;
    this.timers.push({ handle: this.handles, at: this.clock + ms, action });
    return this.handles;
  }
  cancel(handle: number): void {
    this.timers = this.timers.filter((timer) => timer.handle !== handle);
  }
  chance(): number {
    return 0.5;
  }

  get newest(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("no socket was opened");
    return socket;
  }
  /** What the host says, word for word. */
  say(message: unknown): void {
    this.newest.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }
  welcome(): void {
    this.say({ type: "welcome", run: "1", version: "0", heartbeat_ms: 2_000, topics_max: 64 });
  }
  /** News of a topic, with the next sequence number; `change`: it follows the one before. */
  news(topic: string, data: unknown, change = false): void {
    const before = this.sequences.get(topic) ?? 0;
    this.sequences.set(topic, before + 1);
    this.say({ type: "news", topic, sequence: before + 1, ...(change ? { follows: before } : {}), time: "2026-11-25T12:00:00.000Z", data });
  }
  /** The whole state, on a connection that has begun. */
  push(document: unknown): void {
    if (this.newest.sent.length === 0) this.welcome();
    this.news("state", document);
  }
  /** Moves the clock, running each timer at its own time. */
  pass(ms: number): void {
    const end = this.clock + ms;
    for (;;) {
      const next = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.cancel(next.handle);
      this.clock = next.at;
      next.action();
    }
    this.clock = end;
  }
}

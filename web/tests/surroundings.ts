// A clock, timers and sockets that a test moves by hand: nothing here waits.

import type { Surroundings } from "../src/data/connection";

export class FakeSocket {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  closed = false;
  close(): void {
    this.closed = true;
  }
}

export class FakeSurroundings implements Surroundings {
  readonly sockets: FakeSocket[] = [];
  private clock = 1_000_000;
  private timers: { handle: number; at: number; action: () => void }[] = [];
  private handles = 0;

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
  push(document: unknown): void {
    this.newest.onmessage?.({ data: typeof document === "string" ? document : JSON.stringify(document) });
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

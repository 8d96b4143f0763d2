// One websocket that comes back by itself: it tells when it is open and when it is lost, and waits longer each time.
import { Problem } from "./service.js";

const SHORTEST = 0.25,
  LONGEST = 5; // seconds
const POLICY = 1008; // the service's close code for a key that has ended

export class Channel {
  #socket = null;
  #waiting = [];
  #tries = 0;
  #timer = 0;
  #ended = false;
  #opened = false;

  /** `on.open()`, `on.lost(seconds, why)` before it tries again, `on.refused(problem)` where that is of no use. */
  constructor(service, query, on) {
    Object.assign(this, { service, query, on });
  }

  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  connect() {
    clearTimeout(this.#timer);
    if (this.#ended || this.#socket) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/v1/stream?${this.query}`, this.service.subprotocols);
    this.#socket = socket;
    this.#opened = false;
    socket.addEventListener("open", () => {
      this.#opened = true;
      this.#tries = 0;
      this.on.open();
    });
    socket.addEventListener("message", (event) => this.#waiting.shift()?.resolve(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => this.#closed(event));
  }

  /** Sends a frame; its answer. Rejects with a Problem "unreachable" where the connection is lost before. */
  exchange(frame) {
    return new Promise((resolve, reject) => {
      if (!this.open) return reject(new Problem("unreachable", "The connection is lost."));
      this.#waiting.push({ resolve, reject });
      this.#socket.send(JSON.stringify(frame));
    });
  }

  /** Tries at once, where it waits for its next try. */
  hurry() {
    if (!this.#socket && !this.#ended) this.connect();
  }

  end() {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#socket?.close(1000);
  }

  async #closed(event) {
    this.#socket = null;
    const waiting = this.#waiting.splice(0);
    for (const each of waiting)
      each.reject(new Problem("unreachable", "The connection was lost before the answer came."));
    if (this.#ended) return;
    if (event.code === POLICY || !this.#opened) {
      // A browser does not say how a handshake was refused; a request is told.
      const problem = await this.service.model().then(
        () => null,
        (said) => said,
      );
      if (problem && !problem.passing) return this.on.refused(problem);
    }
    const seconds = Math.min(LONGEST, SHORTEST * 2 ** this.#tries) * (0.75 + Math.random() / 2);
    this.#tries += 1;
    this.on.lost(seconds, event.reason);
    this.#timer = setTimeout(() => this.connect(), 1000 * seconds);
  }
}

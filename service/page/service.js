// What the page asks of the service by request, with the key of this tab; a refusal is a Problem with its words.
const KEPT = "gatecast.key";

export class Problem extends Error {
  /** `code` as the service writes it; "unreachable" where nobody answered. */
  constructor(code, message, status = 0, facts = {}) {
    super(message);
    Object.assign(this, { code, status, facts });
  }

  /** Whether another try without a change may go well. */
  get passing() {
    return [
      "unreachable",
      "overloaded",
      "rate_limited",
      "draining",
      "stale_session",
      "model_failed",
      "journal",
      "internal",
      "not_ready",
      "access_unavailable",
      "too_many_connections",
      "too_many_streams",
    ].includes(this.code);
  }
}

/** The Problem of an item's or a frame's `error`. */
export const refusal = (error) => new Problem(error.code, error.message, 0, error);

export class Service {
  #asking = null;

  /** `ask(said)` is to return the key that somebody types, or null. */
  constructor(ask) {
    this.ask = ask;
  }

  get key() {
    return sessionStorage.getItem(KEPT);
  }

  set key(value) {
    if (value) sessionStorage.setItem(KEPT, value);
    else sessionStorage.removeItem(KEPT);
  }

  /** What a websocket offers as subprotocols; none where there is no key. */
  get subprotocols() {
    return this.key ? ["gatecast", `gatecast.key.${this.key}`] : [];
  }

  /** The response to a body that is text already, whatever its status; a Problem where nobody answers. */
  async send(method, path, text) {
    const headers = { accept: "application/json" };
    if (this.key) headers.authorization = `Bearer ${this.key}`;
    if (text !== undefined) headers["content-type"] = "application/json";
    try {
      return await fetch(path, { method, headers, body: text, cache: "no-store" });
    } catch {
      throw new Problem("unreachable", "The service does not answer. Is it running?");
    }
  }

  /** The answer as JSON; a Problem where it is refused. Asks for a key where one is wanted, and then once more. */
  async request(method, path, body) {
    const sent = this.key,
      answer = await this.send(method, path, body === undefined ? undefined : JSON.stringify(body));
    if (answer.ok) return answer.status === 204 ? null : answer.json();
    const told = await answer.json().catch(() => ({}));
    const problem = new Problem(
      told.code ?? "unexpected",
      told.detail ?? `The service answered ${answer.status}.`,
      answer.status,
      told,
    );
    if (problem.code !== "unauthenticated") throw problem;
    if (this.key === sent) {
      this.#asking ??= this.ask(sent ? problem.message : "").finally(() => {
        this.#asking = null;
      });
      const typed = await this.#asking;
      if (!typed) throw problem;
      this.key = typed;
    }
    return this.request(method, path, body);
  }

  model() {
    return this.request("GET", "/v1/model");
  }

  session(name) {
    return this.request("GET", this.at(name));
  }

  at(name, rest = "") {
    return `/v1/sessions/${encodeURIComponent(name)}${rest}`;
  }

  async text(path) {
    const answer = await fetch(path);
    if (!answer.ok)
      throw new Problem("unexpected", `${path} could not be read: the service answered ${answer.status}.`);
    return answer.text();
  }
}

// Replays a series into a session of its own, through the stream as any client would: each reading by its step, so that
// none is lost and none taken twice, whatever happens to the connection or to the service.
import { Channel } from "./channel.js";
import { constant, history, reading } from "./readings.js";
import { Problem, refusal } from "./service.js";

const IN_FLIGHT = 1; // frames that wait for their answers: of several, only the newest would come with a forecast
const RATE = 0.01; // of false alarms among the readings that are marked
const LIVES = 3600; // seconds that the session is kept when nobody plays it any more
const TRIES = 64; // names, until one belongs to this worker

const fresh = (name) => `page-${name.replace(/[^\w-]+/g, "-").slice(0, 40)}-${Math.random().toString(16).slice(2, 8)}`;

export class Player {
  #channel = null;
  #flying = 0;
  #flight = null;
  #timer = 0;
  #retry = 0;
  #due = 0;
  #again = 0;

  /** `on.phase(phase, words)`, `on.answer(at, item, seconds)`, `on.silent(at)` of one that was recorded unanswered. */
  constructor(service, model, clock, series, options, on) {
    Object.assign(this, { service, model, clock, series, options, on });
    this.phase = "new";
    this.session = null;
    this.next = series.first; // index of the next reading to be sent
    this.acked = series.first - 1; // and of the last that was answered
  }

  get channel() {
    return this.#channel;
  }

  get step() {
    return this.acked - this.series.begin;
  }

  /** Makes the session with its history and opens the stream; a Problem where it is refused. */
  async open() {
    this.#to("opening");
    const { series, model, clock } = this,
      wishes = { regime: true, calibrate: this.options.calibrate, quality: true };
    for (let tries = 0; !this.session; tries += 1) {
      const name = fresh(series.name),
        body = {
          history: history(series, series.first, model, clock),
          ...constant(series, model),
          ...wishes,
          ttl_seconds: LIVES,
        };
      try {
        this.session = (await this.service.request("PUT", this.service.at(name), body)).session;
      } catch (problem) {
        if (problem.code === "no_regime" && wishes.regime) wishes.regime = false;
        else if (problem.code === "no_calibration" && wishes.calibrate) wishes.calibrate = false;
        else if (["no_quality", "wrong_type"].includes(problem.code) && wishes.quality)
          delete wishes.quality; // or it is older
        else if (!["misdirected", "session_exists"].includes(problem.code) || tries >= TRIES)
          return this.#fail(problem);
      }
    }
    if (this.phase === "gone") return undefined; // another series was chosen meanwhile
    this.scored = wishes.quality === true;
    const levels = [...new Set(this.options.levels)].sort((a, b) => a - b).join(",");
    this.#channel = new Channel(this.service, `quantiles=${levels}&protocol=1`, {
      open: () => this.#opened(),
      lost: (seconds, why) => this.phase !== "failed" && this.#to("lost", why, seconds),
      refused: (problem) => this.#fail(problem),
    });
    this.wanted = "playing";
    this.#channel.connect();
    return undefined;
  }

  pause() {
    this.wanted = "paused";
    clearTimeout(this.#timer);
    if (this.phase === "playing") this.#to("paused");
  }

  /** As `pause`, until what is on its way is answered too. */
  async halt() {
    this.pause();
    await this.#flight;
  }

  play() {
    this.wanted = "playing";
    if (this.phase === "lost") this.#channel.hurry();
    if (this.phase === "paused") {
      this.#to("playing");
      this.#pump();
    }
  }

  end() {
    this.phase = "gone";
    clearTimeout(this.#timer);
    clearTimeout(this.#retry);
    this.#channel?.end();
  }

  #to(phase, words = "", seconds = 0) {
    if (this.phase === "gone") return;
    this.phase = phase;
    this.on.phase(phase, words, seconds);
  }

  #fail(problem) {
    clearTimeout(this.#timer);
    this.#channel?.end();
    this.#to("failed", problem.message);
    this.failure = problem;
  }

  async #opened() {
    this.refused = null;
    try {
      await this.#resume();
    } catch (problem) {
      if (this.phase === "gone" || !this.#channel.open) return; // lost again meanwhile: it comes back by itself
      if (!(problem instanceof Problem) || !problem.passing) return this.#fail(problem);
      this.#later(problem);
      return;
    }
    this.#again = 0;
    this.#to(this.next >= this.series.y.length ? "ended" : this.wanted);
    if (this.phase === "playing") this.#pump();
  }

  /** Asks where the session stands and goes on from there; the last step is sent again, for its forecast. */
  async #resume() {
    const stands = await this.service.session(this.session),
      { begin, first } = this.series;
    const next = begin + stands.next_step,
      from = Math.min(next, Math.max(first, next - 1));
    for (let at = this.acked + 1; at < from; at += 1) this.on.silent(at);
    this.acked = from - 1;
    this.next = from;
  }

  #later(problem) {
    const seconds = problem.facts.retry_after_seconds ?? Math.min(5, 0.25 * 2 ** this.#again);
    this.#again += 1;
    this.#to("waiting", problem.message, seconds);
    this.#retry = setTimeout(() => this.#opened(), 1000 * seconds);
  }

  /** Sends what is due. */
  #pump() {
    clearTimeout(this.#timer);
    const per = this.options.speed(),
      pause = per > 0 ? 1000 / per : 0;
    while (this.phase === "playing" && this.#flying < IN_FLIGHT && this.next < this.series.y.length) {
      const now = performance.now();
      if (now < this.#due) {
        this.#timer = setTimeout(() => this.#pump(), this.#due - now);
        return;
      }
      this.#due = Math.max(this.#due + pause, now - 250); // after a hold-up it catches up a quarter of a second at most
      this.#flight = this.#send(this.next);
      this.next += 1;
    }
  }

  async #send(at) {
    const began = performance.now();
    this.#flying += 1;
    try {
      const wishes = { gates: this.options.gates(), ...(this.scored ? { anomaly: RATE } : {}) };
      const answer = await this.#channel.exchange({
        observations: [reading(this.series, at, this.model, this.session)],
        ...wishes,
      });
      this.#take(at, Array.isArray(answer) ? answer[0] : answer, performance.now() - began);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem; // the loss itself is told by the channel
    } finally {
      this.#flying -= 1;
    }
    if (this.phase === "playing") this.#pump();
    if (this.#flying === 0 && this.refused && this.phase !== "gone" && this.#channel.open) this.#settle();
  }

  #take(at, item, took) {
    if (item.error) {
      this.refused ??= { at, problem: refusal(item.error) };
      clearTimeout(this.#timer);
      if (this.phase === "playing") this.#to("waiting", item.error.message);
      return;
    }
    if (this.refused) return; // behind it; asked for again when all are answered
    this.acked = at;
    this.on.answer(at, item, took);
    if (this.acked === this.series.y.length - 1) this.#to("ended");
  }

  /** After a refusal, when nothing is on its way any more. */
  #settle() {
    const { at, problem } = this.refused;
    this.refused = null;
    if (problem.passing || ["gap", "duplicate"].includes(problem.code)) return this.#later(problem);
    const line = this.series.lines[at];
    this.#fail(
      new Problem(problem.code, line ? `Line ${line}: ${problem.message}` : problem.message, 0, problem.facts),
    );
  }
}

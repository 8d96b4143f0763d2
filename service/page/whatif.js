// What if the next reading were another: a fork of the session takes it, and the session itself stays as it is.
import { reading } from "./readings.js";
import { byId, number, share } from "./words.js";

const HOLDS = [1, 3, 6, 12]; // steps
const STEPS = 200; // of the slider
const TRIES = 64; // names, until one belongs to this worker

export class WhatIf {
  #fork = null;
  #base = 0;
  #moved = false;
  #wanted = null;
  #busy = false;
  #dragging = false;

  /** `on.trouble(words)`, `on.drawn()` when the picture is to be drawn, `on.ended()`. */
  constructor(service, model, clock, on) {
    Object.assign(this, { service, model, clock, on });
    this.slider = byId("whatif-value");
    this.hold = byId("whatif-hold");
    this.hold.replaceChildren(
      ...HOLDS.filter((steps) => steps < model.horizon || steps === 1).map(
        (steps) => new Option(clock.long(steps), steps),
      ),
    );
    this.slider.addEventListener("input", () => this.#ask());
    this.hold.addEventListener("change", () => this.#ask());
  }

  get forked() {
    return this.#fork !== null;
  }

  /** Forks the player's session where it stands; a Problem where it is refused. */
  async begin(player, chart) {
    Object.assign(this, { player, chart });
    const { track } = chart,
      { service } = this;
    for (let tries = 0; !this.#fork; tries += 1) {
      const name = `${player.session}-if-${Math.random().toString(16).slice(2, 6)}`;
      try {
        const made = await service.request("POST", service.at(player.session, "/fork"), {
          session: name,
          step: player.step,
        });
        this.#fork = made.session;
      } catch (problem) {
        if (!["misdirected", "session_exists"].includes(problem.code) || tries >= TRIES) throw problem;
      }
    }
    this.#base = player.acked;
    this.#moved = false;
    const expected = track.at(track.forecast, 0),
      seen = track.series.y.slice(Math.max(0, this.#base - 200), this.#base + 1).filter((y) => y !== null);
    const low = Math.min(...seen, expected.low[0] ?? Infinity, expected.median),
      high = Math.max(...seen, expected.high[0] ?? -Infinity, expected.median);
    const room = (high - low || 1) * 0.25,
      step = 10 ** Math.floor(Math.log10((high - low + 2 * room) / STEPS));
    const tidy = (value) => Math.round(value / step) * step;
    Object.assign(this.slider, {
      min: tidy(low >= 0 ? Math.max(0, low - room) : low - room),
      max: tidy(high + room),
      step,
    });
    this.slider.value = tidy(expected.median);
    this.#listen(chart.plot.over);
    this.#ask();
  }

  /** Goes back: the fork is forgotten. */
  async end() {
    const fork = this.#fork;
    this.#fork = null;
    this.chart.what = null;
    this.chart.plot.over.classList.remove("drag");
    this.stop?.abort();
    this.on.ended();
    if (fork) await this.service.request("DELETE", this.service.at(fork)).catch(() => null); // it ends by itself
  }

  /** Dragging anywhere in the picture moves the reading to the height of the pointer. */
  #listen(over) {
    this.stop = new AbortController();
    const { signal } = this.stop,
      move = (event) => {
        const value = this.chart.plot.posToVal(event.clientY - over.getBoundingClientRect().top, "y");
        this.slider.value = Math.min(Number(this.slider.max), Math.max(Number(this.slider.min), value));
        this.#ask();
      };
    over.classList.add("drag");
    over.addEventListener(
      "pointerdown",
      (event) => {
        if (event.button !== 0) return;
        this.#dragging = true;
        over.setPointerCapture(event.pointerId);
        move(event);
      },
      { signal },
    );
    over.addEventListener("pointermove", (event) => this.#dragging && move(event), { signal });
    for (const name of ["pointerup", "pointercancel"])
      over.addEventListener(
        name,
        () => {
          this.#dragging = false;
        },
        { signal },
      );
  }

  #ask() {
    this.#wanted = Number(this.slider.value);
    byId("whatif-shown").textContent = number(this.#wanted);
    this.slider.setAttribute("aria-valuetext", number(this.#wanted));
    if (!this.#busy) this.#answer();
  }

  /** One question at a time, and then the newest wish; older ones are passed over. */
  async #answer() {
    this.#busy = true;
    try {
      while (this.#wanted !== null && this.#fork) {
        const value = this.#wanted,
          steps = Number(this.hold.value),
          fork = this.#fork;
        this.#wanted = null;
        const forecast = await this.#forecast(fork, value, steps);
        if (this.#fork === fork) this.#show(value, steps, forecast);
      }
    } catch (problem) {
      this.on.trouble(problem.message);
    } finally {
      this.#busy = false;
    }
  }

  async #forecast(fork, value, steps) {
    const { service, model } = this,
      { series } = this.player;
    if (this.#moved) await service.request("POST", service.at(fork, "/rewind"), { step: this.#base - series.begin });
    this.#moved = true;
    const sent = Array.from({ length: steps }, (_, step) => reading(series, this.#base + 1 + step, model, fork, value));
    const items = await this.player.channel.exchange({ observations: sent, gates: false });
    const refused = items.error ?? items.find?.((item) => item.error)?.error;
    if (refused) throw refused;
    return items.at(-1).forecast;
  }

  #show(value, steps, forecast) {
    const { chart } = this,
      now = chart.track.forecast;
    chart.what = { at: this.#base + 1, y: Array(steps).fill(value), forecast };
    const mean = (values) => values.reduce((a, b) => a + b, 0) / (values.length || 1),
      shared = now.median.length - steps;
    const before = mean(now.median.slice(steps)),
      after = mean(forecast.median.slice(0, shared)),
      change = before ? (after - before) / Math.abs(before) : 0;
    const what = steps === 1 ? "the next reading were" : `the next ${this.clock.long(steps)} were`;
    const much =
      Math.abs(change) < 0.005 ? "about the same" : `${share(Math.abs(change))} ${change > 0 ? "more" : "less"}`;
    byId("whatif-said").textContent =
      `If ${what} ${number(value)} where ${number(now.median[0])} is expected, the steps behind would come to ` +
      `${number(after)} on average instead of ${number(before)}: ${much}.`;
    this.on.drawn();
  }
}

// The stream's stage: which series is played, the buttons, and who is told of each answer.
import { bundled, uploaded } from "./source.js";
import { Chart } from "./chart.js";
import { Figures, Pace } from "./figures.js";
import { Heat } from "./heat.js";
import { constant, ahead, history } from "./readings.js";
import { buttonWord, isOver, phaseSaid } from "./phases.js";
import { Player } from "./player.js";
import { Race } from "./race.js";
import { Score } from "./score.js";
import { tellForecast, tellReadings } from "./tables.js";
import { Track } from "./track.js";
import { WhatIf } from "./whatif.js";
import { byId } from "./words.js";

const DAY = 86400; // seconds
const [FEWEST, MOST] = [60, 400]; // steps of the past that are drawn
const [WIDE, NARROW, PHONE] = [4, 2, 480]; // horizons of the past, or fewer in a picture below so many pixels
const TABLE_EVERY = 500; // milliseconds

export class Stage {
  #choices = [];
  #wish = 0;
  #drawing = false;
  #tabled = -TABLE_EVERY;
  #telling = 0; // the timer of a change that is due

  /** `on.said(words)` is told what goes on, `on.trouble(words or "")` what is wrong, `on.changed()` of sessions. */
  constructor(service, model, clock, bands, on) {
    Object.assign(this, { service, model, clock, bands, on, player: null, track: null });
    const day = clock.in(DAY);
    this.aheads = [1, ...(day > 1 && day <= model.horizon ? [day] : model.horizon > 1 ? [model.horizon] : [])];
    this.chart = new Chart(byId("chart"), byId("readout"), byId("legend"), clock, bands);
    this.heat = new Heat(byId("heat"), byId("gate"), byId("gate-said"), model, () => this.draw());
    this.race = new Race(byId("race"), byId("ahead"), byId("error-said"), clock, this.aheads, () => this.draw());
    this.figures = new Figures(byId("figures"), clock, bands, this.aheads);
    this.what = new WhatIf(service, model, clock, {
      trouble: on.trouble,
      drawn: () => this.draw(),
      ended: () => this.#unforked(),
    });
    this.#listen();
  }

  /** Offers the series that come with Gatecast, and shows the first of them with its forecast; nothing is kept yet. */
  async begin() {
    const { series, said } = await bundled(this.service, this.model, this.clock);
    for (const each of series) this.#offer(each.name, each.load);
    if (said) this.on.said(said);
    if (series.length) await this.#choose(0);
  }

  /** Steps of the past that are drawn. */
  get span() {
    const horizons = byId("chart").clientWidth < PHONE ? NARROW : WIDE;
    return Math.min(MOST, Math.max(FEWEST, horizons * this.model.horizon));
  }

  #offer(name, load) {
    this.#choices.push(load);
    byId("series").append(new Option(name, this.#choices.length - 1));
    byId("series").disabled = false;
  }

  #listen() {
    byId("controls").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#press();
    });
    byId("anew").addEventListener("click", () => this.#start());
    byId("series").addEventListener("change", () => this.#choose(Number(byId("series").value)));
    byId("upload").disabled = false;
    byId("upload").addEventListener("change", () => {
      const [file] = byId("upload").files;
      byId("upload").value = "";
      if (file) this.bring(file);
    });
    byId("speed").addEventListener("change", () => {
      if (this.player?.phase === "playing") {
        this.player.pause();
        this.player.play();
      }
    });
    byId("fork").addEventListener("click", () => this.#fork());
    byId("unfork").addEventListener("click", () => this.what.end());
    byId("table").addEventListener("toggle", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(byId("heat"));
    for (const name of ["online", "visibilitychange"])
      (name === "online" ? window : document).addEventListener(name, () => this.player?.channel?.hurry());
  }

  /** A file that was dropped or chosen. */
  async bring(file) {
    try {
      const found = await uploaded(file, this.model, this.clock),
        first = this.#choices.length;
      for (const each of found)
        this.#offer(found.length > 1 ? `${file.name}: ${each.name}` : file.name, async () => each);
      byId("series").value = String(first);
      await this.#choose(first);
    } catch (wrong) {
      this.on.trouble(`${file.name} cannot be streamed. ${wrong.message}`);
    }
  }

  async #choose(place) {
    if (this.what.forked) await this.what.end();
    this.player?.end();
    this.player = null;
    this.on.trouble("");
    const wish = (this.#wish += 1);
    try {
      const series = await this.#choices[place]();
      if (wish !== this.#wish) return; // another one was chosen meanwhile
      this.series = series;
      this.#blank();
      await this.#preview();
      if (wish !== this.#wish) return;
      const played = series.y.length - series.first;
      this.on.said(
        `${series.name}: ${series.first - series.begin} readings of history, ${played} to come. Press Play.`,
      );
    } catch (problem) {
      this.on.trouble(problem.message);
    }
    this.#buttons();
  }

  #blank() {
    const { series, clock, bands } = this;
    this.track = new Track(series, clock, bands);
    this.score = new Score(series.y, series.first, clock.seasons(), this.aheads, bands);
    this.pace = new Pace();
    this.chart.what = null;
    this.onseries?.(series);
  }

  /** The forecast behind the history, by a request that keeps nothing. */
  async #preview() {
    const { series, model, clock, track } = this,
      future = ahead(series, series.first - 1, model);
    const sent = {
      unique_id: "preview",
      ...history(series, series.first, model, clock),
      ...constant(series, model),
      ...(future ? { future } : {}),
    };
    const answer = await this.service.request("POST", "/v1/predict", { series: [sent] });
    if (track !== this.track) return;
    track.expect(series.first - 1, answer.series[0]);
    this.score.forecast(series.first - 1, answer.series[0]);
    this.draw();
  }

  #press() {
    const phase = this.player?.phase;
    if (isOver(phase)) return this.#start();
    if (this.player.wanted === "playing" && phase !== "paused") this.player.pause();
    else this.player.play();
    this.#buttons();
    return undefined;
  }

  async #start() {
    const { track } = this;
    if (this.what.forked) await this.what.end();
    this.player?.end();
    this.on.trouble("");
    if (this.player || track.last >= this.series.first) {
      this.#blank();
      await this.#preview().catch(() => null);
    }
    const options = {
      levels: [...this.bands.flat()],
      calibrate: byId("calibrate").checked,
      speed: () => Number(byId("speed").value),
      gates: () => this.heat.wish,
    };
    const player = new Player(this.service, this.model, this.clock, this.series, options, {
      phase: (phase, words, seconds) => player === this.player && this.#phase(phase, words, seconds),
      answer: (at, item, took) => player === this.player && this.#answer(at, item, took),
      silent: (at) => player === this.player && this.#silent(at),
    });
    this.player = player;
    await player.open();
    this.on.changed();
  }

  #answer(at, item, took) {
    this.score.reading(at, this.track.expected.get(at));
    this.track.take(at, item);
    if (item.forecast) this.score.forecast(at, item.forecast);
    this.pace.take(took);
    this.draw();
  }

  #silent(at) {
    this.score.reading(at, this.track.expected.get(at));
    this.track.pass(at);
  }

  #phase(phase, words, seconds) {
    document.documentElement.dataset.phase = phase;
    this.on.said(phaseSaid(phase, this.series, this.player.session, words, seconds));
    if (phase === "failed") this.on.trouble(`${words} “Start anew” begins another session.`);
    else if (phase === "playing") this.on.trouble("");
    if (phase === "ended") this.on.changed();
    this.#buttons();
    this.draw();
  }

  #buttons() {
    byId("legend").classList.toggle("forked", this.what.forked);
    const phase = this.player?.phase;
    byId("play").disabled = !this.series || this.what.forked;
    byId("play").textContent = buttonWord(phase, this.player?.wanted);
    byId("anew").hidden = !phase || phase === "opening";
    byId("fork").disabled = !["playing", "paused", "ended"].includes(phase) || this.what.forked;
    byId("calibrate").disabled = !isOver(phase);
  }

  async #fork() {
    byId("fork").disabled = true;
    await this.player.halt();
    try {
      await this.what.begin(this.player, this.chart);
    } catch (problem) {
      this.on.trouble(problem.message);
      this.#buttons();
      return;
    }
    for (const [id, hidden] of [
      ["whatif-controls", false],
      ["fork", true],
      ["unfork", false],
    ])
      byId(id).hidden = hidden;
    this.on.said("Forked: the stream waits. Drag in the picture, or move the slider.");
    this.on.changed();
    byId("whatif-value").focus();
    this.#buttons();
  }

  #unforked() {
    for (const [id, hidden] of [
      ["whatif-controls", true],
      ["fork", false],
      ["unfork", true],
    ])
      byId(id).hidden = hidden;
    byId("whatif-said").textContent =
      "Fork the session and drag the next reading: the forecast follows, the session stays as it is.";
    this.on.changed();
    if (this.player?.phase === "paused") this.player.play();
    this.#buttons();
    this.draw();
  }

  /** Once a frame of the screen, however many answers came. */
  draw() {
    if (this.#drawing || !this.track) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      const { track, span } = this,
        ahead = track.forecast?.median.length ?? 1;
      this.chart.draw(track, span);
      this.heat.draw(track, span, ahead);
      this.race.draw(track, this.score, span, this.chart.window);
      this.figures.show(track, this.score, this.pace, this.series.y.length - this.series.first);
      this.#tell();
    });
  }

  /** The tables, where they are open: now, or as soon as they may change again, so that they end with what is newest. */
  #tell() {
    if (!byId("table").open || this.#telling) return;
    const wait = this.#tabled + TABLE_EVERY - performance.now();
    if (wait > 0) {
      this.#telling = setTimeout(() => {
        this.#telling = 0;
        this.#tell();
      }, wait);
      return;
    }
    this.#tabled = performance.now();
    const { track, clock, bands } = this;
    tellReadings(byId("readings"), track);
    if (track.forecast) tellForecast(byId("ahead-table"), clock, bands, track.time(track.origin + 1), track.forecast);
  }
}

// The picture of a stream: readings, what was expected of each one step before, and the forecast with its bands ahead.
import { colour } from "./colours.js";
import { between, edge, line, plot } from "./plot.js";
import { bandName } from "./levels.js";
import { MARKS } from "./track.js";
import { element, number } from "./words.js";

const SHADES = [0.16, 0.3]; // of the bands, from the outer one in

export class Chart {
  #cursor = null;
  #from = 0;

  constructor(place, readout, legend, clock, bands) {
    Object.assign(this, { place, readout, clock, bands });
    this.window = [0, 1]; // of time
    this.track = null;
    this.what = null; // a hypothetical forecast: {at, y: [...], forecast}
    const edges = bands.flatMap(() => [edge(), edge()]),
      end = edges.length;
    const series = [
      ...edges,
      line("--ours", 2),
      line("--ink", 1.6),
      line("--what", 2.4, [6, 4]),
      edge(),
      edge(),
      line("--what", 2),
    ];
    const shades = bands.map((_, at) => between(2 * at + 1, 2 * at + 2, "--ours", SHADES[at]));
    this.plot = plot(place, clock, series, {
      bands: [...shades, between(end + 4, end + 5, "--what", 0.16)],
      range: () => this.window,
      cursor: { sync: { key: "stream" } },
      hooks: {
        drawClear: [(u) => this.#behind(u)],
        draw: [(u) => this.#over(u)],
        setCursor: [(u) => this.#read(u.cursor.idx)],
      },
    });
    this.#keys();
    const names = [
      ["line ink", "reading"],
      ["line ours", "expected (median)"],
      ...bands.map((band, at) => [`band shade${at}`, bandName(band)]),
      ["dot", MARKS.own, "marks"],
      ["flag", "regime changed"],
      ["line what", "what if", "if"],
    ];
    legend.replaceChildren(
      ...names.map(([kind, name, when]) => {
        const item = element("span", "", null, `key ${when ?? ""}`);
        element("i", "", item, kind).setAttribute("aria-hidden", "true");
        element("span", name, item);
        return item;
      }),
    );
    this.marks = legend.querySelector(".marks span");
  }

  /** Draws the track, the newest `span` readings of it and the forecast. */
  draw(track, span) {
    const { bands } = this,
      last = track.last,
      from = Math.max(track.series.begin, last + 1 - span),
      horizon = track.forecast?.median.length ?? 0;
    const until = Math.max(last, track.origin) + Math.max(horizon, 1);
    const what = this.what,
      columns = Array.from({ length: 2 * bands.length + 6 }, () => []),
      x = [];
    const put = (expected) =>
      bands.forEach((_, at) => {
        columns[2 * at].push(expected?.low[at] ?? null);
        columns[2 * at + 1].push(expected?.high[at] ?? null);
      });
    const [MEDIAN, READ, WHAT, LOW, HIGH, GIVEN] = [0, 1, 2, 3, 4, 5].map((at) => 2 * bands.length + at);
    for (let at = from; at <= until; at += 1) {
      x.push(track.time(at));
      const step = at - track.origin - 1,
        ahead = step >= 0 && track.forecast && step < horizon;
      const expected = ahead ? track.at(track.forecast, step) : track.expected.get(at);
      put(expected);
      columns[MEDIAN].push(expected?.median ?? null);
      columns[READ].push(at <= last ? track.value(at) : null);
      const given = what ? at - what.at : -1,
        own =
          what && given >= what.y.length && given - what.y.length < what.forecast.median.length
            ? track.at(what.forecast, given - what.y.length)
            : null;
      columns[WHAT].push(own?.median ?? null);
      columns[LOW].push(own?.low[0] ?? null);
      columns[HIGH].push(own?.high[0] ?? null);
      columns[GIVEN].push(
        what && given === -1 ? track.value(at) : what && given >= 0 && given < what.y.length ? what.y[given] : null,
      );
    }
    this.track = track;
    this.#from = from;
    this.window = [track.time(last + 1 - span), track.time(last + Math.max(horizon, 1))];
    if (this.marks.textContent !== MARKS[track.marked]) this.marks.textContent = MARKS[track.marked];
    this.plot.setData([x, ...columns]);
    if (this.#cursor !== null) this.#read(this.#cursor);
  }

  #behind(u) {
    if (!this.track) return;
    const { ctx } = u,
      { top, height } = u.bbox,
      ratio = devicePixelRatio,
      x = (at) => u.valToPos(this.track.time(at), "x", true);
    ctx.save();
    ctx.beginPath();
    ctx.rect(u.bbox.left, top, u.bbox.width, height);
    ctx.clip();
    ctx.fillStyle = colour("--flag", 0.14);
    for (let at = this.#from, begun = null; at <= this.track.last + 1; at += 1) {
      const flag = this.track.flags.get(at) === true;
      if (flag) begun ??= at;
      else if (begun !== null) {
        ctx.fillRect(x(begun), top, x(at) - x(begun), height);
        begun = null;
      }
    }
    const now = Math.round(x(this.track.last));
    ctx.strokeStyle = colour("--soft", 0.7);
    ctx.lineWidth = ratio;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(now, top);
    ctx.lineTo(now, top + height);
    ctx.stroke();
    ctx.restore();
  }

  #over(u) {
    if (!this.track) return;
    const { ctx } = u,
      ratio = devicePixelRatio,
      { track } = this;
    const dot = (at, value, name, size) => {
      ctx.beginPath();
      ctx.arc(u.valToPos(track.time(at), "x", true), u.valToPos(value, "y", true), size * ratio, 0, 2 * Math.PI);
      ctx.fillStyle = colour(name);
      ctx.fill();
      ctx.lineWidth = 1.5 * ratio;
      ctx.strokeStyle = colour("--card");
      ctx.stroke();
    };
    ctx.save();
    for (const at of track.marks.keys())
      if (at >= this.#from && track.value(at) !== null) dot(at, track.value(at), "--bad", 4.2);
    if (track.value(track.last) !== null) dot(track.last, track.value(track.last), "--ink", 4);
    if (this.what) this.what.y.forEach((value, step) => dot(this.what.at + step, value, "--what", step ? 3.5 : 6));
    ctx.restore();
  }

  /** What stands at a place of the picture, in words. */
  #read(index) {
    this.#cursor = index ?? null;
    if (index === null || index === undefined || !this.track) {
      this.readout.textContent = "\u00a0";
      return;
    }
    const at = this.#from + index,
      { track } = this,
      read = at <= track.last ? track.value(at) : null;
    const step = at - track.origin - 1,
      expected = step >= 0 && track.forecast ? track.at(track.forecast, step) : track.expected.get(at);
    const parts = [this.clock.shown(track.time(at))];
    if (at <= track.last) parts.push(read === null ? "no reading" : `reading ${number(read)}`);
    if (expected?.median !== undefined) parts.push(`expected ${number(expected.median)}`);
    if (expected && this.bands.length) {
      parts.push(`${bandName(this.bands[0])} ${number(expected.low[0])} to ${number(expected.high[0])}`);
    }
    if (track.marks.has(at)) parts.push(track.marks.get(at));
    if (track.flags.get(at)) parts.push("regime changed");
    this.readout.textContent = parts.join(" · ");
  }

  #keys() {
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -24, PageDown: 24 };
    this.place.addEventListener("keydown", (event) => {
      const length = this.plot.data[0].length;
      if (!this.track || !length) return;
      const now = this.#cursor ?? this.track.last - this.#from,
        to = event.key === "Home" ? 0 : event.key === "End" ? length - 1 : now + (moves[event.key] ?? NaN);
      if (event.key === "Escape") {
        this.plot.setCursor({ left: -10, top: -10 });
        return;
      }
      if (Number.isNaN(to)) return;
      event.preventDefault();
      const index = Math.min(length - 1, Math.max(0, to)),
        u = this.plot;
      u.setCursor({ left: u.valToPos(u.data[0][index], "x"), top: u.over.clientHeight / 2 });
    });
  }
}

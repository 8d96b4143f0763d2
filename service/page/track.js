// What was read, what was expected of it one step before, and what is expected now: by index in the series.

export class Track {
  /** `bands` as levels.js has them. */
  constructor(series, clock, bands) {
    Object.assign(this, { series, clock, bands });
    this.last = series.first - 1; // index of the newest reading
    this.expected = new Map(); // by index: {median, low: [a band each], high: [a band each]}, made one step before
    this.marks = new Map(); // by index: in words
    this.flags = new Map(); // by index: whether the regime has changed
    this.marked = "own"; // who marks: the page, or the service
    this.gates = new Map(); // by index, as the service answers them
    this.forecast = null; // from the newest reading that was answered with one
    this.origin = this.last; // and that reading
  }

  /** The time of an index. */
  time(at) {
    return this.clock.after(this.series.start, at);
  }

  value(at) {
    return at < this.series.begin ? null : (this.series.y[at] ?? null);
  }

  /** The forecast made from the reading `at`. */
  expect(at, forecast) {
    this.forecast = forecast;
    this.origin = at;
    if (forecast.median.length) this.expected.set(at + 1, this.at(forecast, 0));
  }

  /** What a forecast says of one of its steps. */
  at(forecast, step) {
    const side = (which) =>
      this.bands.map((band) => forecast.quantiles[levelName(forecast, band[which])]?.[step] ?? null);
    return { median: forecast.median[step], low: side(0), high: side(1) };
  }

  /** Takes an answer to the reading `at`. */
  take(at, item) {
    this.last = at;
    const mark = markOf(item, this.series.y[at], this.expected.get(at), this.bands);
    if (mark) this.marks.set(at, mark);
    if (item.anomaly) this.marked = "service";
    if (item.regime) {
      this.flags.set(at, item.regime.flag);
      this.regime = item.regime;
    }
    if (item.gates) this.gates.set(at, item.gates);
    if (item.forecast) this.expect(at, item.forecast);
  }

  /** A reading that was recorded and whose answer was lost. */
  pass(at) {
    this.last = at;
  }
}

/** Levels come as text, "0.025"; a level's own name is found by its number. */
export function levelName(forecast, level) {
  const text = String(level);
  return text in forecast.quantiles
    ? text
    : Object.keys(forecast.quantiles).find((name) => Math.abs(Number(name) - level) < 1e-9);
}

/**
 * Why a reading is marked, in words, or null. The service's own word counts where its answer carries one (`anomaly`);
 * else whatever lies outside of the outer band of the forecast one step before.
 */
export function markOf(item, y, expected, bands) {
  if (item.anomaly) return item.anomaly.flag ? anomalyWords(item.anomaly) : null;
  if (y === null || !expected || !bands.length || expected.low[0] === null) return null;
  if (y > expected.high[0]) return "above the band";
  return y < expected.low[0] ? "below the band" : null;
}

export const MARKS = { own: "outside of the band", service: "anomaly" };

function anomalyWords({ p, side, lasts }) {
  const kind = lasts ? ", it lasts" : side ? `, ${side}` : "";
  return `anomaly${kind}${Number.isFinite(p) ? ` (p ${p.toPrecision(2)})` : ""}`;
}

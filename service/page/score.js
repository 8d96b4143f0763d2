// Running errors of the forecasts beside the seasonal naive's on the same readings, and how often the bands held.
const RECENT = 48; // readings of which the drawn error is the mean

export class Score {
  /** `y` is the series with its history; `aheads` are steps. */
  constructor(y, first, lags, aheads, bands) {
    Object.assign(this, { y, first, lags, bands, aheads });
    this.promised = new Map(aheads.map((ahead) => [ahead, new Map()]));
    this.errors = new Map(aheads.map((ahead) => [ahead, []])); // {at, ours, naives: [a lag each]}
    this.sums = new Map(aheads.map((ahead) => [ahead, { ours: 0, naives: lags.map(() => 0) }]));
    this.inside = bands.map(() => 0);
    this.banded = 0;
    this.seen = first - 1;
  }

  /** What the service expects after the reading `at`. */
  forecast(at, forecast) {
    for (const ahead of this.aheads) {
      const median = forecast.median[ahead - 1];
      if (median !== undefined) this.promised.get(ahead).set(at + ahead, median);
    }
  }

  /** The reading `at` came in, and `expected` is what the track had of it; one that comes again is scored once. */
  reading(at, expected) {
    const y = this.y[at];
    if (at <= this.seen) return;
    this.seen = at;
    for (const ahead of this.aheads) {
      const promised = this.promised.get(ahead),
        median = promised.get(at);
      promised.delete(at);
      if (median === undefined || y === null) continue;
      const naives = this.lags.map((lag) => this.#naive(at, ahead, lag));
      if (naives.every((value) => value !== null))
        this.#score(ahead, { at, ours: Math.abs(median - y), naives: naives.map((value) => Math.abs(value - y)) });
    }
    if (y === null || !expected || !this.bands.length) return;
    this.banded += 1;
    this.bands.forEach((_, place) => {
      if (y >= expected.low[place] && y <= expected.high[place]) this.inside[place] += 1;
    });
  }

  #score(ahead, error) {
    const sums = this.sums.get(ahead);
    this.errors.get(ahead).push(error);
    sums.ours += error.ours;
    error.naives.forEach((value, place) => {
      sums.naives[place] += value;
    });
  }

  /** What stood whole seasons before, known `ahead` steps before; an earlier season where it is missing. */
  #naive(at, ahead, lag) {
    for (let from = at - lag * Math.ceil(ahead / lag); from >= 0; from -= lag)
      if (this.y[from] !== null) return this.y[from];
    return null;
  }

  /** Mean absolute errors {ours, naive, lag, count} of all so far, beside the naive that has the smallest; or null. */
  error(ahead) {
    const count = this.errors.get(ahead).length,
      { ours, naives } = this.sums.get(ahead);
    if (!count) return null;
    const naive = Math.min(...naives),
      place = naives.indexOf(naive);
    return { ours: ours / count, naive: naive / count, lag: this.lags[place], place, count };
  }

  /** Courses [at, ours, naive] for a picture: each number the mean of the last readings; the newest `most` of them. */
  course(ahead, most) {
    const all = this.errors.get(ahead),
      place = this.error(ahead)?.place ?? 0,
      at = [],
      ours = [],
      naive = [];
    for (let end = Math.max(0, all.length - most); end < all.length; end += 1) {
      const some = all.slice(Math.max(0, end + 1 - RECENT), end + 1);
      at.push(all[end].at);
      ours.push(some.reduce((sum, each) => sum + each.ours, 0) / some.length);
      naive.push(some.reduce((sum, each) => sum + each.naives[place], 0) / some.length);
    }
    return [at, ours, naive];
  }

  /** The share of readings inside a band, by its place. */
  held(place) {
    return this.banded ? this.inside[place] / this.banded : null;
  }
}

export const RECENT_READINGS = RECENT;

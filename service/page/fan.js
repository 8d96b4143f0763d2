// A small picture of values and the forecast behind them, and the same as a table.
import { bandName } from "./levels.js";
import { between, edge, line, plot } from "./plot.js";
import { levelName } from "./track.js";
import { fill, number } from "./words.js";

export class Fan {
  constructor(place, clock, bands) {
    Object.assign(this, { place, clock, bands });
    place.hidden = false;
    const edges = bands.flatMap(() => [edge(), edge()]);
    this.plot = plot(place, clock, [...edges, line("--ours", 2), line("--ink", 1.6)], {
      bands: bands.map((_, at) => between(2 * at + 1, 2 * at + 2, "--ours", at ? 0.3 : 0.16)),
    });
  }

  /** `y` begins at the time `start`; a `forecast` as the service answers it, whose first step is behind the last value. */
  draw(start, y, forecast) {
    const { clock, bands } = this, horizon = forecast.median.length, end = y.length, blank = Array(Math.max(0, end)).fill(null);
    const x = Array.from({ length: end + horizon }, (_, at) => clock.after(start, at));
    const edges = bands.flatMap((band) => band.map((level) => [...blank, ...forecast.quantiles[levelName(forecast, level)]]));
    this.plot.setData([x, ...edges, [...blank, ...forecast.median], [...y, ...Array(horizon).fill(null)]]);
  }

  /** The forecast as rows of a table, from the time `first` on. */
  tell(table, first, forecast) { fill(table, forecastRows(this.clock, this.bands, first, forecast)); }
}

/** Time, median and outer band of each step of a forecast. */
export function forecastRows(clock, bands, first, forecast) {
  const edge = (which, step) => number(forecast.quantiles[levelName(forecast, bands[0][which])][step]);
  return forecast.median.map((median, step) => [clock.shown(clock.after(first, step)), number(median), bands.length ? `${edge(0, step)} to ${edge(1, step)}` : "–"]);
}

export const bandHeading = (bands) => (bands.length ? bandName(bands[0]) : "Band");

// A small picture of values and the forecast behind them.
import { between, edge, line, plot } from "./plot.js";
import { levelName } from "./track.js";

export class Fan {
  constructor(place, clock, bands) {
    Object.assign(this, { place, clock, bands });
    place.hidden = false;
    const edges = bands.flatMap(() => [edge(), edge()]);
    this.plot = plot(place, clock, [...edges, line("--ours", 2), line("--ink", 1.6)], {
      bands: bands.map((_, at) => between(2 * at + 1, 2 * at + 2, "--ours", at ? 0.3 : 0.16)),
    });
  }

  /** `y` begins at the time `start`; the first step of the `forecast`, as the service answers it, is behind its last. */
  draw(start, y, forecast) {
    const { clock, bands } = this,
      horizon = forecast.median.length,
      end = y.length,
      blank = Array(Math.max(0, end)).fill(null);
    const x = Array.from({ length: end + horizon }, (_, at) => clock.after(start, at));
    const edges = bands.flatMap((band) =>
      band.map((level) => [...blank, ...forecast.quantiles[levelName(forecast, level)]]),
    );
    this.plot.setData([x, ...edges, [...blank, ...forecast.median], [...y, ...Array(horizon).fill(null)]]);
  }
}

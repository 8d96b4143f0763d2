// The same numbers as the pictures, as tables: for who does not see them, and for who wants to copy one.
import { levelName } from "./track.js";
import { fill, number } from "./words.js";

const NEWEST = 12; // readings that are shown

/** The newest readings of a track, with what was expected of each. */
export function tellReadings(table, track) {
  const rows = [];
  for (let at = track.last; at > track.last - NEWEST && at >= track.series.begin; at -= 1) {
    const expected = track.expected.get(at);
    const band = expected && track.bands.length ? `${number(expected.low[0])} to ${number(expected.high[0])}` : "–";
    const time = track.clock.shown(track.time(at));
    rows.push([time, number(track.value(at)), number(expected?.median), band, track.marks.get(at) ?? ""]);
  }
  fill(table, rows);
}

/** Time, median and outer band of each step of a forecast, whose first step is at `first`. */
export function tellForecast(table, clock, bands, first, forecast) {
  const edge = (which, step) => number(forecast.quantiles[levelName(forecast, bands[0][which])][step]);
  const rows = forecast.median.map((median, step) => [
    clock.shown(clock.after(first, step)),
    number(median),
    bands.length ? `${edge(0, step)} to ${edge(1, step)}` : "–",
  ]);
  fill(table, rows);
}

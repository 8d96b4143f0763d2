// A uPlot in the page's look: axes, grid and lines in its colours, as large as its place, redrawn for another theme.
import { colour } from "./colours.js";
import { number } from "./words.js";

export const LEFT = 58,
  RIGHT = 12; // CSS pixels beside the plot, the same for all, so that pictures stand in line
const DAY = 86400,
  YEAR = { year: "numeric" };
const FONT = "12px system-ui, sans-serif";
const all = new Set();

/** `series` are uPlot's; `options` may bring scales, hooks, bands and padding. */
export function plot(place, clock, series, options = {}) {
  const size = () => ({ width: Math.max(200, place.clientWidth), height: Math.max(100, place.clientHeight) });
  const axis = (more) => ({
    stroke: () => colour("--soft"),
    font: FONT,
    grid: { stroke: () => colour("--line"), width: 1 },
    ticks: { show: false },
    ...more,
  });
  const made = new globalThis.uPlot(
    {
      ...size(),
      padding: [10, RIGHT, 0, 0],
      tzDate: (seconds) => globalThis.uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { show: false }, y: false, ...(options.cursor ?? {}) },
      scales: {
        x: { time: clock.calendar, range: options.range },
        y: { range: (_, low, high) => span(low, high, options.zero) },
      },
      axes: [
        axis({
          size: 42,
          space: 64,
          values: (_, ticks, __, ___, apart) => (clock.calendar ? dates(ticks, apart) : ticks.map(String)),
        }),
        axis({ size: LEFT, space: 34, values: (_, ticks) => ticks.map((tick) => short(tick)) }),
      ],
      series: [{}, ...series],
      bands: options.bands ?? [],
      hooks: options.hooks ?? {},
    },
    [[], ...series.map(() => [])],
    place,
  );
  new ResizeObserver(() => made.setSize(size())).observe(place);
  all.add(made);
  return made;
}

/** Draws all of them again: the colours have changed. */
export function redraw() {
  for (const each of all) each.redraw(false);
}

export const line = (name, width = 2, dash = undefined) => ({
  stroke: () => colour(name),
  width,
  dash,
  points: { show: false },
  spanGaps: false,
});

/** The edge of a band: it has no line of its own. */
export const edge = () => ({ stroke: "transparent", width: 0, points: { show: false } });

export const between = (low, high, name, alpha) => ({ series: [high, low], fill: () => colour(name, alpha) });

/** Times below an axis: the hour, and below it the day where one begins; from days on the date, and the year below. */
function dates(ticks, apart) {
  const told = (tick, options) => new Date(tick * 1000).toLocaleDateString("en-GB", { ...options, timeZone: "UTC" });
  if (apart >= DAY) {
    const day = apart < 28 * DAY ? { day: "numeric", month: "short" } : { month: "short" };
    return ticks.map(
      (tick, at) =>
        told(tick, day) + (at && told(tick, YEAR) === told(ticks[at - 1], YEAR) ? "" : `\n${told(tick, YEAR)}`),
    );
  }
  const begins = (tick, at) => tick % DAY === 0 || (at === 0 && !ticks.some((each) => each % DAY === 0));
  return ticks.map(
    (tick, at) =>
      new Date(tick * 1000).toISOString().slice(11, 16) +
      (begins(tick, at) ? `\n${told(tick, { weekday: "short", day: "numeric", month: "short" })}` : ""),
  );
}

function span(low, high, zero) {
  if (low === null || high === null) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return [zero ? 0 : low - (low >= 0 && low < room ? low : room), high + room];
}

function short(value) {
  const size = Math.abs(value);
  if (size >= 1e6) return `${+(value / 1e6).toFixed(2)}M`;
  return size >= 1e4 ? `${+(value / 1e3).toFixed(1)}k` : number(value);
}

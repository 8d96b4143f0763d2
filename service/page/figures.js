// The figures beside the stream: how far, how fast, how well.
import { bandName } from "./levels.js";
import { MARKS } from "./track.js";
import { count, element, milliseconds, number, share } from "./words.js";

const RECENT = 200; // answers of which the times are taken
const WINDOW = 2000; // milliseconds over which the rate is taken

export class Pace {
  #took = [];
  #moments = [];

  take(milliseconds) {
    this.#took.push(milliseconds);
    if (this.#took.length > RECENT) this.#took.shift();
    this.#moments.push(performance.now());
  }

  get rate() {
    const since = performance.now() - WINDOW;
    while (this.#moments.length && this.#moments[0] < since) this.#moments.shift();
    return this.#moments.length / (WINDOW / 1000);
  }

  /** The time within which that share of the answers came, or null. */
  within(part) {
    if (!this.#took.length) return null;
    const sorted = [...this.#took].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
  }
}

export class Figures {
  #shown = new Map();

  constructor(place, clock, bands, aheads) {
    Object.assign(this, { clock, bands, aheads });
    const errors = aheads.map((ahead) => [
      `error${ahead}`,
      ahead === 1 ? "Error, next step" : `Error, ${clock.long(ahead)} ahead`,
    ]);
    const rows = [
      ["readings", "Readings"],
      ["rate", "A second"],
      ["latency", "Answered within"],
      ["regime", "Regime"],
      ...errors,
      ...(bands.length ? [["held", "Inside the bands"]] : []),
      ["marks", "Marked readings"],
    ];
    place.replaceChildren(
      ...rows.map(([key, name]) => {
        const row = element("div", "", null, `figure ${key.startsWith("error") ? "broad" : ""}`);
        element("dt", name, row);
        const value = element("dd", "–", row),
          more = element("dd", "", row, "soft");
        value.id = `figure-${key}`;
        this.#shown.set(key, [value, more]);
        return row;
      }),
    );
  }

  show(track, score, pace, total) {
    const done = track.last + 1 - track.series.first;
    this.#put("readings", count(done), `of ${count(total)}`);
    this.#put("rate", number(Math.round(pace.rate * 10) / 10), "readings");
    this.#put(
      "latency",
      milliseconds(pace.within(0.5)),
      pace.within(0.95) === null ? "" : `95 %: ${milliseconds(pace.within(0.95))}`,
    );
    for (const ahead of this.aheads) {
      const error = score.error(ahead);
      this.#put(`error${ahead}`, number(error?.ours), error ? besideNaive(error) : "beside the seasonal naive");
    }
    const [outer, inner] = this.bands,
      more = inner ? `; ${bandName(inner)}: ${share(score.held(1))}` : "";
    if (outer) this.#put("held", share(score.held(0)), `of the ${bandName(outer)}${more}`);
    this.#put("marks", count(track.marks.size), track.marked === "own" ? MARKS.own : "anomalies, by the service");
    const said = track.regime;
    this.#put(
      "regime",
      !said ? "not watched" : said.flag ? "changed" : said.score === null ? "learning" : "usual",
      said?.score == null ? "" : `score ${said.score.toFixed(1)}`,
    );
  }

  #put(key, value, more) {
    const [place, beside] = this.#shown.get(key);
    if (place.textContent !== value) place.textContent = value;
    if (beside.textContent !== more) beside.textContent = more;
  }
}

function besideNaive({ ours, naive }) {
  const gain = naive > 0 ? 1 - ours / naive : 0;
  return `naive ${number(naive)}: ${share(Math.abs(gain))} ${gain < 0 ? "more" : "less"}`;
}

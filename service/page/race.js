// The running error beside the seasonal naive's, over the same window of time as the stream.
import { line, plot } from "./plot.js";
import { RECENT_READINGS } from "./score.js";
import { number } from "./words.js";

export class Race {
  constructor(place, choice, said, clock, aheads, changed) {
    Object.assign(this, { choice, said, clock });
    choice.replaceChildren(
      ...aheads.map((ahead) => new Option(ahead === 1 ? "one step ahead" : `${clock.long(ahead)} ahead`, ahead)),
    );
    choice.addEventListener("change", changed);
    this.window = [0, 1];
    this.plot = plot(place, clock, [line("--naive", 2, [5, 4]), line("--ours", 2)], {
      range: () => this.window,
      zero: true,
      cursor: { sync: { key: "stream" } },
    });
  }

  draw(track, score, span, window) {
    const ahead = Number(this.choice.value),
      [at, ours, naive] = score.course(ahead, span);
    this.window = window;
    this.plot.setData([at.map((each) => track.time(each)), naive, ours]);
    const error = score.error(ahead);
    this.said.textContent = error ? this.#words(error, ours.at(-1), naive.at(-1)) : "begins with the first forecasts";
  }

  #words({ lag }, ours, naive) {
    const names = `model blue, seasonal naive (${this.clock.long(lag)} before) dashed`;
    return `mean of the last ${RECENT_READINGS}: ${names}, now ${number(ours)} and ${number(naive)}`;
  }
}

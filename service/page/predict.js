// The form that forecasts what somebody pastes, by request; nothing is kept.
import { seriesOf } from "./csv.js";
import { Fan } from "./fan.js";
import { ahead, constant, history } from "./readings.js";
import { tellForecast } from "./tables.js";
import { byId } from "./words.js";

const SHOWN = 4; // horizons of what was sent are drawn before the forecast
const SAMPLE = 2; // horizons of an example

export class Predict {
  #fan = null;

  constructor(service, model, clock, bands) {
    Object.assign(this, { service, model, clock, bands });
    const needs = [...model.covariates, ...model.static];
    if (needs.length) byId("predict-said").textContent = this.#wanted(needs);
    byId("start-label").hidden = !clock.calendar;
    byId("start").placeholder = "2015-01-10 00:00";
    byId("predict").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#forecast();
    });
  }

  #wanted(needs) {
    const { target, future } = this.model,
      columns = ["ds", target, ...needs].join(", ");
    const known = `Rows at its end with an empty ${target} are what is known ahead of ${future.join(", ")}. `;
    return `Paste a CSV with the columns ${columns}. ${future.length ? known : ""}Nothing is kept.`;
  }

  /** The end of a series that is at hand, for the button that fills in an example. */
  offer(series) {
    byId("sample").onclick = () => {
      const from = Math.max(series.begin, series.first - SAMPLE * this.model.horizon);
      byId("values").value = series.y
        .slice(from, series.first)
        .map((y) => y ?? "")
        .join("\n");
      byId("start").value = this.clock.calendar
        ? this.clock.write(this.clock.after(series.start, from)).replace("T", " ")
        : "";
      this.#forecast();
    };
  }

  async #forecast() {
    const { model, clock } = this,
      trouble = byId("predict-trouble"),
      typed = byId("start").value.trim();
    trouble.hidden = true;
    byId("values").removeAttribute("aria-invalid");
    try {
      const [series] = seriesOf(byId("values").value, "pasted", model, clock, typed ? clock.read(typed) : null);
      let end = series.y.length;
      while (model.future.length && end > 1 && series.y[end - 1] === null) end -= 1;
      if (clock.calendar && series.start === 0 && !typed)
        throw new Error("The time of the first value is needed: the model reads the calendar.");
      const future = ahead(series, end - 1, model),
        body = {
          unique_id: "pasted",
          ...history(series, end, model, clock, 0),
          ...constant(series, model),
          ...(future ? { future } : {}),
        };
      const answer = await this.service.request("POST", "/v1/predict", { series: [body] });
      this.#show(series, end, answer.series[0]);
    } catch (wrong) {
      trouble.textContent = wrong.message;
      trouble.hidden = false;
      byId("values").setAttribute("aria-invalid", "true");
    }
  }

  #show(series, end, forecast) {
    const { clock, model } = this,
      from = Math.max(0, end - SHOWN * model.horizon);
    this.#fan ??= new Fan(byId("predict-chart"), clock, this.bands);
    this.#fan.draw(clock.after(series.start, from), series.y.slice(from, end), forecast);
    byId("predict-chart").setAttribute(
      "aria-label",
      `Forecast of ${forecast.median.length} steps behind ${end} values`,
    );
    byId("predict-details").hidden = false;
    tellForecast(byId("predict-table"), clock, this.bands, clock.after(series.start, end), forecast);
  }
}

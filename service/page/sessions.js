// The table of sessions, a page at a time, and the forecast of one of them.
import { Fan } from "./fan.js";
import { byId, count, element, fill } from "./words.js";

const PAGE = 10;

export class Sessions {
  #pages = [""];
  #next = null;
  #fan = null;

  constructor(service, model, clock, bands) {
    Object.assign(this, { service, model, clock, bands });
    byId("find").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#pages = [""];
      this.show();
    });
    byId("further").addEventListener("click", () => {
      this.#pages.push(this.#next);
      this.show();
    });
    byId("before").addEventListener("click", () => {
      this.#pages.pop();
      this.show();
    });
  }

  /** Asks for the page that is looked at again. */
  async show() {
    const query = new URLSearchParams({ limit: PAGE, prefix: byId("prefix").value, after: this.#pages.at(-1) }),
      said = byId("sessions-said");
    try {
      const { sessions, next } = await this.service.request("GET", `/v1/sessions?${query}`);
      this.#next = next;
      fill(
        byId("sessions"),
        sessions.map((each) => this.#row(each)),
      );
      said.textContent = sessions.length
        ? `${this.#pages.length > 1 || next ? `page ${this.#pages.length}` : `${sessions.length} in all`}`
        : "There are none yet: press Play, or make one by request.";
      byId("further").disabled = !next;
    } catch (problem) {
      said.textContent = problem.message;
    }
    byId("before").disabled = this.#pages.length < 2;
  }

  #row(told) {
    const name = document.createElement("span"),
      action = element("button", "Forecast");
    element("span", told.session, name, "name");
    if (told.parent) element("span", `fork of ${told.parent}`, name, "soft fork");
    action.type = "button";
    action.setAttribute("aria-label", `Forecast of ${told.session}`);
    action.disabled = told.expired || told.last_step === null || this.model.future.length > 0;
    action.addEventListener("click", () => this.#draw(told));
    const newest = told.last_ds === null ? "–" : this.clock.shown(this.clock.read(String(told.last_ds)));
    return [
      name,
      told.expired ? "expired" : count(told.next_step),
      newest,
      told.seen?.slice(5, 16).replace("T", " ") ?? "–",
      action,
    ];
  }

  async #draw(told) {
    const said = byId("sessions-said");
    try {
      const { ds, forecast } = await this.service.request("GET", this.service.at(told.session, "/forecast"));
      this.#fan ??= new Fan(byId("session-chart"), this.clock, this.bands);
      byId("session-chart").setAttribute("aria-label", `Forecast of ${told.session}`);
      this.#fan.draw(this.clock.after(this.clock.read(String(ds)), 1), [], forecast);
      said.textContent = `Forecast of ${told.session}, from ${this.clock.shown(this.clock.read(String(ds)))} on.`;
    } catch (problem) {
      said.textContent = problem.message;
    }
  }
}

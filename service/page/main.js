// Where the page begins: asks what is served, and puts the parts together.
import { Clock } from "./clock.js";
import { themed } from "./colours.js";
import { askForKey } from "./key.js";
import { bandsOf } from "./levels.js";
import { redraw } from "./plot.js";
import { Predict } from "./predict.js";
import { Service } from "./service.js";
import { Sessions } from "./sessions.js";
import { Stage } from "./stage.js";
import { byId, element } from "./words.js";

const AGAIN = 2000; // milliseconds until a service that does not answer is asked again
const LOOK = 10_000; // milliseconds between two looks at the sessions while one is played
let stage = null;

function said(words) {
  if (byId("status").textContent !== words) byId("status").textContent = words;
}

function trouble(words) {
  byId("trouble").hidden = !words;
  byId("trouble").textContent = words;
}

function tell(model, clock) {
  const facts = [
    model.name,
    model.architecture,
    clock.calendar ? `a reading every ${model.frequency}` : "counted steps",
    `${clock.long(model.horizon)} ahead`,
    `on ${model.runtime}, ${model.device}`,
  ];
  if (model.holidays.length) facts.push(`knows holidays (${model.holidays.join(", ")}) until ${model.holidays_until}`);
  byId("model").replaceChildren(...facts.map((fact) => element("span", fact, null, "fact")));
  document.title = `Gatecast: ${model.name}`;
}

function dropped() {
  for (const name of ["dragover", "dragenter"])
    addEventListener(name, (event) => {
      if (event.dataTransfer?.types.includes("Files")) {
        event.preventDefault();
        document.body.classList.add("drop");
      }
    });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("drop");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("drop");
    const file = event.dataTransfer?.files[0];
    if (file && stage) stage.bring(file);
  });
}

async function begin(service) {
  let model;
  try {
    model = await service.model();
  } catch (problem) {
    trouble(problem.message);
    said(problem.passing ? "It is asked again in a moment." : "Nothing can be shown without it.");
    if (problem.passing) setTimeout(() => begin(service), AGAIN);
    byId("key").hidden = problem.status !== 401;
    return;
  }
  trouble("");
  byId("key").hidden = !service.key;
  const clock = new Clock(model.frequency, model.time_zone),
    bands = bandsOf(model.quantiles);
  tell(model, clock);
  const predict = new Predict(service, model, clock, bands);
  if (!model.streams) {
    said("This model keeps no state and cannot be streamed; send whole histories below.");
    byId("sessions-said").textContent = "A model that cannot be streamed has no sessions.";
    return;
  }
  const sessions = new Sessions(service, model, clock, bands);
  stage = new Stage(service, model, clock, bands, { said, trouble, changed: () => sessions.show() });
  stage.onseries = (series) => predict.offer(series);
  sessions.show();
  setInterval(() => {
    if (stage.player?.phase === "playing" && !document.hidden) sessions.show();
  }, LOOK);
  try {
    await stage.begin();
  } catch (problem) {
    trouble(problem.message);
  }
}

themed(byId("theme"), () => {
  redraw();
  stage?.draw();
});
dropped();
const service = new Service(askForKey);
byId("key").addEventListener("click", () => {
  service.key = null;
  location.reload();
});
begin(service);

// A form that sends a request of the documentation to the service, and shows what came back.
import { element } from "./words.js";

const BODILESS = ["get", "delete", "head"];
const MOST = 20_000; // characters that are shown

/** Puts the form behind the description of an operation; where it sends or answers a file there is none. */
export function trial(service, path, method, told, place) {
  if (/\/(export|import)$/.test(path)) return;
  element("h3", "Try it", place);
  const form = element("form", "", place, "trial"),
    fields = [];
  for (const each of (told.parameters ?? []).filter(({ in: where }) => where !== "header")) {
    const label = element("label", `${each.name} `, form),
      input = element("input", "", label);
    input.spellcheck = false;
    input.autocomplete = "off";
    input.required = each.in === "path";
    fields.push({ ...each, input });
  }
  const body = told.requestBody && !BODILESS.includes(method) ? bodyOf(told, form) : null,
    bar = element("div", "", form, "bar");
  const changes = !BODILESS.includes(method) || method === "delete";
  element("button", changes ? `Send ${method.toUpperCase()}` : "Send", bar, "main").type = "submit";
  const status = element("output", "", bar),
    shown = element("pre", "", form);
  shown.hidden = true;
  shown.tabIndex = 0;
  shown.setAttribute("role", "group");
  shown.setAttribute("aria-label", "The answer");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const query = new URLSearchParams();
    let where = path;
    for (const { name, in: at, input } of fields) {
      if (at === "path") where = where.replace(`{${name}}`, encodeURIComponent(input.value));
      else if (input.value !== "") query.set(name, input.value);
    }
    status.textContent = "…";
    const began = performance.now(),
      answer = await service
        .send(method.toUpperCase(), query.size ? `${where}?${query}` : where, body?.value || undefined)
        .catch((problem) => problem);
    if (answer instanceof Error) {
      status.textContent = answer.message;
      shown.hidden = true;
      return;
    }
    const text = await answer.text();
    status.textContent = `${answer.status} in ${Math.round(performance.now() - began)} ms`;
    shown.textContent = tidy(text).slice(0, MOST);
    shown.hidden = !text;
  });
}

function bodyOf(told, form) {
  const label = element("label", "Body", form),
    area = element("textarea", "", label);
  const [example] = Object.values(told.requestBody.content["application/json"]?.examples ?? {});
  area.rows = 6;
  area.spellcheck = false;
  area.value = example ? JSON.stringify(example.value) : "";
  return area;
}

function tidy(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 1);
  } catch {
    return text;
  }
}

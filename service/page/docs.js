// The documentation of the API, from /openapi.json: every endpoint with its examples and errors, and a way to try it.
import { themed } from "./colours.js";
import { askForKey } from "./key.js";
import { Service } from "./service.js";
import { trial } from "./trial.js";
import { byId, element } from "./words.js";

const JSON_TYPES = ["application/json", "application/problem+json"];

/** Text with `code` between backticks, as nodes; paragraphs are lines that are parted by an empty one. */
function prose(text, parent) {
  for (const part of text.split(/\n\s*\n/)) {
    const place = element("p", "", parent);
    part.split("`").forEach((piece, at) => (at % 2 ? element("code", piece, place) : place.append(piece)));
  }
}

const contentOf = (content = {}) => JSON_TYPES.map((type) => content[type]).find(Boolean);

function examples(content, parent) {
  for (const { summary, value } of Object.values(contentOf(content)?.examples ?? {})) {
    const place = element("details", "", parent);
    element("summary", `Example: ${summary}`, place);
    const shown = element("pre", JSON.stringify(value, null, 1), place);
    shown.tabIndex = 0;
    shown.setAttribute("role", "group");
    shown.setAttribute("aria-label", summary);
  }
}

function table(headings, rows, parent) {
  const wide = element("div", "", parent, "wide");
  wide.tabIndex = 0;
  wide.setAttribute("role", "group");
  wide.setAttribute("aria-label", "Parameters");
  const made = element("table", "", wide),
    head = element("tr", "", element("thead", "", made));
  for (const heading of headings) element("th", heading, head).scope = "col";
  const body = element("tbody", "", made);
  for (const cells of rows) {
    const row = element("tr", "", body);
    for (const cell of cells) prose(cell || "–", element("td", "", row));
  }
}

function answers(some, parent) {
  for (const [status, { description, content }] of some) {
    prose(`\`${status}\` ${description}`, parent);
    examples(content, parent);
  }
}

const typeOf = (schema = {}) => schema.type ?? schema.anyOf?.map((each) => each.type).join(" or ") ?? "";

function operation(service, path, method, told) {
  const place = document.createElement("details"),
    summary = element("summary", "", place);
  place.className = "operation card";
  place.dataset.find = `${method} ${path} ${told.summary} ${told.description ?? ""}`.toLowerCase();
  element("span", method.toUpperCase(), summary, `method ${method}`);
  element("code", path, summary);
  element("span", told.summary, summary, "soft");
  place.addEventListener("toggle", () => {
    if (!place.open || place.dataset.filled) return;
    place.dataset.filled = "yes";
    if (told.description) prose(told.description, place);
    const parameters = told.parameters ?? [];
    if (parameters.length) {
      element("h3", "Parameters", place);
      table(
        ["Name", "Where", "Type", "What"],
        parameters.map((each) => [
          `\`${each.name}\``,
          each.in,
          typeOf(each.schema),
          each.description ?? each.schema?.description,
        ]),
        place,
      );
    }
    if (told.requestBody) {
      element("h3", "Body", place);
      examples(told.requestBody.content, place);
    }
    const good = ([status]) => status.startsWith("2"),
      all = Object.entries(told.responses);
    element("h3", "Answers", place);
    answers(all.filter(good), place);
    const folded = element("details", "", place);
    element("summary", "Errors", folded);
    answers(
      all.filter((each) => !good(each)),
      folded,
    );
    trial(service, path, method, told, place);
  });
  return place;
}

async function show(service) {
  let document_;
  try {
    document_ = await service.request("GET", "/openapi.json");
  } catch (problem) {
    byId("trouble").textContent = problem.message;
    byId("trouble").hidden = false;
    byId("key").hidden = problem.status !== 401;
    return;
  }
  byId("key").hidden = !service.key;
  byId("model").replaceChildren(
    element("span", document_.info.summary, null, "fact"),
    element("span", `version ${document_.info.version}`, null, "fact"),
  );
  prose(document_.info.description, byId("about"));
  const groups = new Map();
  for (const [path, methods] of Object.entries(document_.paths)) {
    for (const [method, told] of Object.entries(methods)) {
      const tag = told.tags?.[0] ?? "other";
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operation(service, path, method, told));
    }
  }
  for (const [tag, operations] of groups) {
    const group = element("section", "", byId("operations"), "group");
    element("h2", tag[0].toUpperCase() + tag.slice(1), group);
    group.append(...operations);
  }
  byId("search").addEventListener("input", () => find(byId("search").value.trim().toLowerCase()));
  byId("filter").addEventListener("submit", (event) => event.preventDefault());
  find("");
}

function find(wanted) {
  const all = [...document.querySelectorAll(".operation")];
  for (const each of all) each.hidden = !each.dataset.find.includes(wanted);
  for (const group of document.querySelectorAll(".group"))
    group.hidden = ![...group.querySelectorAll(".operation")].some((each) => !each.hidden);
  const count = all.filter((each) => !each.hidden).length;
  byId("status").textContent = `${count} endpoint${count === 1 ? "" : "s"}`;
}

themed(byId("theme"), () => {});
const service = new Service(askForKey);
byId("key").addEventListener("click", () => {
  service.key = null;
  location.reload();
});
byId("document").addEventListener("click", async (event) => {
  if (!service.key) return; // a link carries no key
  event.preventDefault();
  const shown = new Blob([JSON.stringify(await service.request("GET", "/openapi.json"), null, 1)], {
    type: "application/json",
  });
  Object.assign(document.createElement("a"), { href: URL.createObjectURL(shown), download: "openapi.json" }).click();
});
show(service);

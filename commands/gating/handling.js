"use strict";

// -- what the cursor is on, in words -------------------------------------------------------------------------------

const number = (value) => (value === null || value === undefined ? "–" : Number(value.toPrecision(6)).toLocaleString("en"));

function moment(time) {
  if (!data.calendar) return String(time);
  const date = new Date(time * 1000);
  const day = date.toLocaleDateString("en-GB", { weekday: "short", timeZone: "UTC" });
  return `${day} ${date.toISOString().slice(0, 19).replace("T", " ").replace(/:00$/, "")}`;
}

function tell() {
  const place = document.getElementById("readout");
  place.replaceChildren();
  if (view.cursor === null) {
    place.append(`${moment(data.times[view.from])} to ${moment(data.times[view.to])}, a step every ${data.step}`);
    return;
  }
  const at = view.cursor;
  const band = data.band ? ` (${data.band} ${number(data.low[at])} to ${number(data.high[at])})` : "";
  element("strong", moment(data.times[at]), place).style.marginRight = "1.2rem";
  element("span", `reading ${number(data.reading[at])}, forecast ${number(data.median[at])}${band}`, place);
  for (const gate of data.gates) {
    const units = gate.units.map((unit, row) => `${unit}: ${gate.values[row][at].toFixed(2)}`).join(", ");
    element("span", `${gate.letter} mean ${gate.mean[at].toFixed(2)}, unit ${units}`, place);
  }
  if (view.unit !== null) {
    const value = data.hidden[view.unit][at].toFixed(3);
    element("span", `hidden unit ${data.order[view.unit]}: ${value}`, place);
  }
}

// -- pointer and keys ----------------------------------------------------------------------------------------------

function zoom(from, to) {
  const width = Math.min(last, Math.max(4, Math.round(to - from))); // steps
  view.from = Math.min(Math.max(0, Math.round(from)), last - width);
  view.to = view.from + width;
  draw();
}

function all() {
  view.cursor = view.unit = view.drag = null;
  zoom(0, last);
}

function stepAt(row, event) {
  const share = (event.offsetX - LEFT) / across(row);
  return Math.min(view.to, Math.max(view.from, Math.round(view.from + share * (view.to - view.from))));
}

function listen(row) {
  const { canvas } = row;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    view.drag = { from: stepAt(row, event), start: event.offsetX, to: null };
  });
  canvas.addEventListener("pointermove", (event) => {
    view.cursor = stepAt(row, event);
    const count = data.order.length, unit = Math.floor((event.offsetY / depth(row)) * count);
    view.unit = row.kind === "hidden" && unit >= 0 && unit < count ? unit : null;
    if (view.drag && Math.abs(event.offsetX - view.drag.start) > 5) view.drag.to = view.cursor;
    draw();
  });
  canvas.addEventListener("pointerup", () => {
    const { drag } = view;
    view.drag = null;
    if (drag && drag.to !== null && drag.to !== drag.from) zoom(Math.min(drag.from, drag.to), Math.max(drag.from, drag.to));
    else draw();
  });
  canvas.addEventListener("pointercancel", () => { view.drag = null; draw(); });
  canvas.addEventListener("pointerleave", () => { if (!view.drag) { view.cursor = view.unit = null; draw(); } });
  canvas.addEventListener("dblclick", all);
}

function moveCursor(to) {
  view.cursor = Math.min(last, Math.max(0, to));
  const width = view.to - view.from;
  if (view.cursor < view.from) zoom(view.cursor, view.cursor + width);
  else if (view.cursor > view.to) zoom(view.cursor - width, view.cursor);
  else draw();
}

function zoomBy(factor) {
  const middle = view.cursor ?? (view.from + view.to) / 2, width = (view.to - view.from) * factor;
  const share = (middle - view.from) / (view.to - view.from);
  zoom(middle - share * width, middle + (1 - share) * width);
}

function chooseUnit(by) {
  const count = data.order.length;
  view.unit = view.unit === null ? 0 : (view.unit + by + count) % count;
  moveCursor(view.cursor ?? view.from);
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const pace = event.shiftKey ? 10 : 1, here = view.cursor;
  const keys = {
    ArrowLeft: () => moveCursor((here ?? view.to + pace) - pace),
    ArrowRight: () => moveCursor((here ?? view.from - pace) + pace),
    ArrowUp: () => chooseUnit(-1),
    ArrowDown: () => chooseUnit(1),
    Home: () => moveCursor(0),
    End: () => moveCursor(last),
    "+": () => zoomBy(0.5), "=": () => zoomBy(0.5), "-": () => zoomBy(2),
    Escape: all,
  };
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
}

function recolour() {
  view.heat = null; // its colours are those of the theme
  draw();
}

function changeTheme() {
  const root = document.documentElement, dark = getComputedStyle(root).colorScheme.includes("dark");
  root.dataset.theme = dark ? "light" : "dark";
  recolour();
}

build();
document.getElementById("rows").addEventListener("keydown", (event) => {
  if (event.target.tagName !== "INPUT") press(event); // boxes keep their own keys
});
document.getElementById("all").addEventListener("click", all);
document.getElementById("theme").addEventListener("click", changeTheme);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
window.addEventListener("resize", draw);
draw();

"use strict";

const data = JSON.parse(document.getElementById("data").textContent);
const last = data.times.length - 1;
const COLOURS = ["#1f77c4", "#d9822b", "#4f9d4f", "#9467bd", "#b0603a", "#d1568f", "#2fa3a3", "#8f8f2f"];
const LEFT = 58, RIGHT = 10, DAY = 86400;
const HEIGHTS = { input: 175, gate: 120, hidden: 270 };
const AXIS = 26; // below the last row
const view = { from: 0, to: last, cursor: null, unit: null, drag: null, off: new Set(), heat: null };

// -- what there is to see ----------------------------------------------------------------------------------------

const colourOf = (unit) => COLOURS[data.named.indexOf(unit) % COLOURS.length];
const rows = [
  {
    kind: "input", title: `input: ${data.target}`,
    lines: [
      { name: "reading", values: data.reading, colour: "--ink", width: 1.4 },
      { name: "median forecast, one step before", values: data.median, colour: "--ours", width: 1.4 },
    ],
    band: data.band && { name: data.band, colour: "--ours" },
  },
  ...data.gates.map((gate) => ({
    kind: "gate", title: gate.name, letter: gate.letter,
    lines: [
      { name: "mean of all", values: gate.mean, colour: "--ink", width: 2.6 },
      ...gate.units.map((unit, at) => ({
        name: `unit ${unit}`, values: gate.values[at], colour: colourOf(unit), width: 1.2,
      })),
    ],
  })),
  { kind: "hidden", title: "hidden units after each reading, those of like course beside each other", lines: [] },
];
let size = 0; // of the largest activity: both ends of the scale of colours
for (const unit of data.hidden) for (const value of unit) size = Math.max(size, Math.abs(value));
size = size || 1;

function element(name, text, parent) {
  const made = document.createElement(name);
  if (text) made.textContent = text; // never markup: names come from outside
  parent.append(made);
  return made;
}

function toggle(bar, row, thing) {
  const key = `${row.title}/${thing.name}`;
  const label = element("label", "", bar), box = element("input", "", label);
  box.type = "checkbox";
  box.checked = true;
  label.style.setProperty("--swatch", thing.colour.startsWith("--") ? `var(${thing.colour})` : thing.colour);
  element("i", "", label);
  label.append(thing.name);
  thing.shown = () => !view.off.has(key);
  box.addEventListener("change", () => {
    if (box.checked) view.off.delete(key); else view.off.add(key);
    draw();
  });
}

function scale(bar) {
  const ends = size.toPrecision(2), whole = element("span", `−${ends} `, bar);
  element("i", "", whole).className = "scale";
  whole.append(` ${ends}`);
}

function build() {
  document.getElementById("title").textContent = `${data.series} through ${data.model}, ${data.layer}`;
  document.getElementById("conventions").textContent = data.conventions.join(" ");
  const place = document.getElementById("rows");
  for (const row of rows) {
    const bar = element("div", "", place);
    bar.className = "bar";
    element("h2", row.title, bar);
    for (const line of row.lines) toggle(bar, row, line);
    if (row.band) toggle(bar, row, row.band);
    if (row.kind === "hidden") scale(bar);
    row.canvas = element("canvas", "", place);
    row.height = HEIGHTS[row.kind] + (row.kind === "hidden" ? AXIS : 0);
    row.canvas.style.height = `${row.height}px`;
    listen(row);
  }
}

// -- drawing -----------------------------------------------------------------------------------------------------

const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colour = (name) => (name.startsWith("--") ? variable(name) : name);
const across = (row) => row.width - LEFT - RIGHT;
const x = (row, at) => LEFT + ((at - view.from) / (view.to - view.from)) * across(row);
const depth = (row) => row.height - (row.kind === "hidden" ? AXIS : 0);

function range(row) {
  if (row.kind === "gate") return [-0.03, 1.03];
  const seen = [data.reading, data.median, data.low, data.high]
    .filter(Boolean).flatMap((each) => each.slice(view.from, view.to + 1)).filter((value) => value !== null);
  const low = seen.reduce((a, b) => Math.min(a, b), Infinity), high = seen.reduce((a, b) => Math.max(a, b), -Infinity);
  const room = (high - low) * 0.05 || 1;
  return seen.length ? [low - room, high + room] : [0, 1];
}

function niceStep(span, count) {
  const power = 10 ** Math.floor(Math.log10(span / count));
  return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= (span / count) * 0.999);
}

function timeTicks(room) {
  const span = data.times[view.to] - data.times[view.from], count = Math.max(2, room / 110);
  const clock = [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10800, 21600, 43200, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY];
  const long = 365 * DAY * Math.ceil(span / count / (365 * DAY));
  const unit = data.calendar ? [...clock, 91 * DAY].find((each) => span / each <= count) ?? long : niceStep(span, count);
  const shift = data.calendar && unit >= 7 * DAY ? 4 * DAY : 0; // weeks begin on Mondays
  const ticks = [];
  for (let at = view.from; at <= view.to; at++) {
    const time = data.times[at], before = at ? data.times[at - 1] : time - 1;
    const crossed = Math.floor((time - shift) / unit) !== Math.floor((before - shift) / unit);
    if (crossed) ticks.push([at, data.calendar ? clockLabel(time, unit) : String(time)]);
  }
  return ticks;
}

function clockLabel(time, unit) {
  const date = new Date(time * 1000), text = date.toISOString();
  if (unit >= 28 * DAY) return text.slice(0, 10);
  if (unit < DAY && time % DAY) return text.slice(11, unit < 60 ? 19 : 16);
  return date.toLocaleDateString("en-GB", { weekday: "short", day: "2-digit", month: "short", timeZone: "UTC" });
}

function path(pen, row, values, y) {
  let open = false; // a missing value breaks the line
  for (let at = Math.max(0, view.from - 1); at <= Math.min(last, view.to + 1); at++) {
    if (values[at] === null) { open = false; continue; }
    if (open) pen.lineTo(x(row, at), y(values[at])); else pen.moveTo(x(row, at), y(values[at]));
    open = true;
  }
}

function drawCurves(pen, row) {
  const [low, high] = range(row), tall = depth(row);
  const y = (value) => tall - 4 - ((value - low) / (high - low)) * (tall - 8);
  const step = row.kind === "gate" ? 0.5 : niceStep(high - low, 4);
  pen.fillStyle = variable("--soft");
  pen.strokeStyle = variable("--grid");
  pen.textAlign = "right";
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) {
    pen.strokeRect(LEFT, y(tick), across(row), 0);
    pen.fillText(Number(tick.toPrecision(6)).toLocaleString("en"), LEFT - 6, y(tick) + 4);
  }
  pen.save();
  pen.beginPath();
  pen.rect(LEFT, 0, across(row), tall);
  pen.clip();
  if (row.band && row.band.shown()) {
    pen.fillStyle = pen.strokeStyle = variable(row.band.colour);
    pen.globalAlpha = 0.3;
    for (let at = Math.max(0, view.from - 1); at < Math.min(last, view.to + 1); at++) {
      if ([data.low[at], data.low[at + 1]].includes(null)) continue;
      pen.beginPath();
      for (const [place, value] of [[at, data.low[at]], [at, data.high[at]], [at + 1, data.high[at + 1]], [at + 1, data.low[at + 1]]])
        pen.lineTo(x(row, place), y(value));
      pen.fill();
    }
    pen.globalAlpha = 1;
  }
  for (const line of [...row.lines].reverse()) {
    if (!line.shown()) continue;
    pen.beginPath();
    pen.strokeStyle = colour(line.colour);
    pen.lineWidth = line.width;
    path(pen, row, line.values, y);
    pen.stroke();
  }
  pen.restore();
}

function heatImage() {
  const [low, middle, high] = ["--low", "--middle", "--high"].map((name) => variable(name).split(",").map(Number));
  const image = document.createElement("canvas");
  image.width = last + 1;
  image.height = data.order.length;
  const pen = image.getContext("2d"), pixels = pen.createImageData(image.width, image.height);
  data.hidden.forEach((unit, at) => unit.forEach((value, time) => {
    const end = value < 0 ? low : high, share = Math.abs(value) / size;
    const place = 4 * (at * image.width + time);
    for (let part = 0; part < 3; part++) pixels.data[place + part] = middle[part] + (end[part] - middle[part]) * share;
    pixels.data[place + 3] = 255;
  }));
  pen.putImageData(pixels, 0, 0);
  return image;
}

function drawHeat(pen, row) {
  const tall = depth(row), count = data.order.length;
  view.heat = view.heat ?? heatImage();
  pen.imageSmoothingEnabled = false;
  pen.drawImage(view.heat, view.from + 0.5, 0, view.to - view.from, count, LEFT, 0, across(row), tall);
  pen.textAlign = "right";
  let free = -Infinity; // where the next number has room
  data.order.forEach((unit, at) => {
    const y = ((at + 0.5) / count) * tall;
    if (!(data.named.length === 0 || data.named.includes(unit)) || y < free) return;
    pen.fillStyle = data.named.length ? colourOf(unit) : variable("--soft");
    pen.fillText(String(unit), LEFT - 6, Math.max(10, y + 4));
    free = y + 12;
  });
  if (view.unit !== null) {
    pen.strokeStyle = variable("--ink");
    pen.strokeRect(LEFT, (view.unit / count) * tall, across(row), tall / count);
  }
  pen.textAlign = "center";
  pen.fillStyle = variable("--soft");
  for (const [at, label] of timeTicks(across(row))) pen.fillText(label, Math.min(x(row, at), row.width - 36), tall + 18);
}

function upright(pen, row, at, style) {
  pen.setLineDash(style);
  pen.beginPath();
  pen.moveTo(x(row, at), 0);
  pen.lineTo(x(row, at), depth(row));
  pen.stroke();
  pen.setLineDash([]);
}

function drawMarks(pen, row) {
  pen.strokeStyle = pen.fillStyle = variable("--ink");
  pen.lineWidth = 1;
  pen.textAlign = "left";
  for (const mark of data.marks) {
    const at = Math.max(0, data.times.findIndex((time) => time >= mark.time));
    if (at < view.from || at > view.to) continue;
    upright(pen, row, at, [5, 3]);
    const beside = x(row, at) + 5, room = pen.measureText(mark.label).width;
    if (row.kind === "input") pen.fillText(mark.label, beside + room < row.width ? beside : beside - room - 10, 12);
  }
  if (view.cursor !== null && view.cursor >= view.from && view.cursor <= view.to) upright(pen, row, view.cursor, []);
  if (view.drag && view.drag.to !== null) {
    pen.fillStyle = variable("--select");
    const [one, other] = [x(row, view.drag.from), x(row, view.drag.to)];
    pen.fillRect(Math.min(one, other), 0, Math.abs(one - other), depth(row));
  }
}

function draw() {
  for (const row of rows) {
    const sharp = window.devicePixelRatio || 1;
    row.width = row.canvas.clientWidth;
    row.canvas.width = row.width * sharp;
    row.canvas.height = row.height * sharp;
    const pen = row.canvas.getContext("2d");
    pen.scale(sharp, sharp);
    pen.font = "12px system-ui, sans-serif";
    if (row.kind === "hidden") drawHeat(pen, row); else drawCurves(pen, row);
    drawMarks(pen, row);
  }
  tell();
}

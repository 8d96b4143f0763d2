// The gates as a heat map: a column for each reading, a row for each unit of a gate, or for each gate its mean.
import { likeBesideLike } from "./order.js";
import { channels, colour } from "./colours.js";
import { LEFT, RIGHT } from "./plot.js";

const NAMES = {
  r: "reset gate r",
  z: "update gate z",
  n: "candidate n",
  i: "input gate i",
  f: "forget gate f",
  g: "candidate g",
  o: "output gate o",
};
const SAYS = {
  r: "near 0 leaves the past out of what is proposed",
  z: "near 1 keeps the past",
  f: "near 1 keeps the past",
  i: "near 1 lets the reading in",
};
const MOST_UNITS = 1200; // of all gates together, beyond which answers carry their means alone
const HEIGHT = 128;
const NARROWEST = 0.05; // of a row's range, so that what hardly moves does not look as if it did
const ORDERED = [24, 96]; // readings after which rows of like course are put beside each other

const letter = (name) => name.slice(name.lastIndexOf(".") + 1);

export class Heat {
  #order = null;
  #sorted = 0;
  #pixels = document.createElement("canvas");

  constructor(canvas, choice, said, model, changed) {
    Object.assign(this, { canvas, choice, said });
    const names = Object.keys(model.gates),
      total = Object.values(model.gates).reduce((a, b) => a + b, 0);
    this.names = names;
    this.units = total <= MOST_UNITS;
    const options =
      names.length && this.units
        ? names.map((name) => [
            name,
            `layer ${name.slice(0, name.lastIndexOf("."))}, ${NAMES[letter(name)] ?? letter(name)}`,
          ])
        : [];
    choice.replaceChildren(
      ...[...options, ...(names.length ? [["", "all gates, means"]] : [])].map(
        ([value, text]) => new Option(text, value),
      ),
    );
    const update = names.find((name) => ["z", "f"].includes(letter(name)));
    choice.value = this.units ? (update ?? names[0] ?? "") : "";
    choice.disabled = !names.length;
    choice.addEventListener("change", () => {
      this.#order = null;
      this.#sorted = 0;
      this.#tell();
      changed();
    });
    this.#tell();
  }

  /** What a frame asks for. */
  get wish() {
    return this.names.length ? (this.choice.value ? "units" : "summary") : false;
  }

  #tell() {
    const kind = letter(this.choice.value),
      scale = "each row from its lowest to its highest value here";
    this.said.textContent = !this.names.length
      ? "This model has no gates to show."
      : `${SAYS[kind] ? `${SAYS[kind]}; ` : ""}${scale}`;
  }

  #rowOf(gates) {
    if (!gates) return null;
    const name = this.choice.value;
    return name ? (gates[name]?.units ?? null) : this.names.map((each) => gates[each]?.mean ?? 0);
  }

  /** The same window as the chart's: the newest `span` readings and, left blank, `ahead` steps. */
  draw(track, span, ahead) {
    const ratio = devicePixelRatio,
      width = this.canvas.clientWidth,
      { canvas } = this;
    if (!this.names.length || !width) {
      canvas.hidden = !this.names.length;
      return;
    }
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(HEIGHT * ratio);
    const ctx = canvas.getContext("2d"),
      across = width - LEFT - RIGHT,
      step = across / (span - 1 + ahead);
    const first = track.last + 1 - span,
      rows = Array.from({ length: span }, (_, at) => this.#rowOf(track.gates.get(first + at)));
    const some = rows.filter(Boolean),
      count = some[0]?.length ?? 0;
    ctx.scale(ratio, ratio);
    ctx.fillStyle = colour("--panel");
    ctx.fillRect(LEFT, 0, across, HEIGHT);
    this.#label(ctx, count);
    if (!count) return;
    const ranges = rangesOf(some, count);
    if (this.#order?.length !== count || ORDERED.some((at) => this.#sorted < at && some.length >= at))
      this.#sort(some, ranges);
    const image = new ImageData(span, count),
      low = channels("--heat-low"),
      high = channels("--heat-high");
    rows.forEach(
      (row, x) =>
        row &&
        this.#order.forEach((unit, y) => {
          const at = 4 * (y * span + x),
            [least, room] = ranges[unit],
            share = (row[unit] - least) / room;
          for (let part = 0; part < 3; part += 1) image.data[at + part] = low[part] + share * (high[part] - low[part]);
          image.data[at + 3] = 255;
        }),
    );
    this.#pixels.width = span;
    this.#pixels.height = count;
    this.#pixels.getContext("2d").putImageData(image, 0, 0);
    ctx.imageSmoothingEnabled = false;
    ctx.save();
    ctx.beginPath();
    ctx.rect(LEFT, 0, across, HEIGHT);
    ctx.clip();
    ctx.drawImage(this.#pixels, LEFT - step / 2, 0, step * span, HEIGHT);
    ctx.restore();
  }

  #sort(some, ranges) {
    this.#sorted = some.length;
    this.#order = ranges.map((_, unit) => unit);
    if (this.choice.value) this.#order = likeBesideLike(some, ranges);
  }

  #label(ctx, count) {
    ctx.fillStyle = colour("--soft");
    ctx.font = "12px system-ui, sans-serif";
    ctx.textAlign = "right";
    if (!count) return;
    if (this.choice.value) {
      ctx.fillText(`${count}`, LEFT - 8, 12);
      ctx.fillText("units", LEFT - 8, 27);
      return;
    }
    this.names.forEach((name, at) => ctx.fillText(name, LEFT - 8, ((at + 0.5) * HEIGHT) / this.names.length + 4));
  }
}

/** Of each row its lowest value and how far it goes from there. */
function rangesOf(some, count) {
  return Array.from({ length: count }, (_, unit) => {
    let low = Infinity,
      high = -Infinity;
    for (const row of some) {
      low = Math.min(low, row[unit]);
      high = Math.max(high, row[unit]);
    }
    return [low, Math.max(NARROWEST, high - low)];
  });
}

// Numbers as people read them, and elements that hold text alone: whatever a name holds, it is never markup.
const plain = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
const large = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** A measured number; a dash where there is none. */
export function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return Math.abs(value) >= 1000 ? large.format(value) : plain.format(value);
}

export const share = (value) => (value === null || !Number.isFinite(value) ? "–" : `${Math.round(100 * value)} %`);

export const milliseconds = (value) =>
  value === null ? "–" : value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;

export const count = (value) => large.format(value);

/** An element with text in it, put into `parent` where one is given. */
export function element(name, text = "", parent = null, kind = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  parent?.append(made);
  return made;
}

/** Replaces the rows of a table's body; each row is a list of texts or nodes. */
export function fill(table, rows) {
  const body = table.tBodies[0];
  body.replaceChildren(
    ...rows.map((cells) => {
      const row = document.createElement("tr");
      for (const cell of cells) {
        const place = element("td", "", row);
        place.append(cell);
      }
      return row;
    }),
  );
}

export const byId = (id) => document.getElementById(id);

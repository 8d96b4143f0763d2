// A CSV as people have it becomes series on the model's grid; what is wrong with it is said with its line.
const SERIES = ["unique_id"],
  TIMES = ["ds", "timestamp", "date", "time", "datetime"],
  TARGETS = ["y", "value", "target"];
const EMPTY = ["", "na", "nan", "null", "none"];
export const LARGEST = 32 * 2 ** 20; // bytes
const MOST_STEPS = 200_000; // of one series, with what is missing between

/** A file that cannot be used; the message names the line. */
export class CsvError extends Error {
  constructor(message, line = 0) {
    super(line ? `Line ${line}: ${message}` : message);
  }
}

/** Rows of cells with the line that each begins on; quotes as RFC 4180 has them. */
export function cellsOf(text) {
  const first = text.slice(0, Math.max(0, text.search(/\r?\n/)) || text.length);
  const mark = [",", ";", "\t"].reduce((a, b) => (first.split(b).length > first.split(a).length ? b : a));
  const rows = [],
    source = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  let line = 1,
    at = 0;
  while (at < source.length) {
    const begun = line,
      cells = [];
    for (;;) {
      let cell = "";
      if (source[at] === '"') {
        at += 1;
        for (;;) {
          const end = source.indexOf('"', at);
          if (end < 0) throw new CsvError("a quote is opened here and never closed", begun);
          cell += source.slice(at, end);
          at = end + 1;
          if (source[at] !== '"') break;
          cell += '"';
          at += 1;
        }
        line += cell.split("\n").length - 1;
      }
      let end = at;
      while (end < source.length && source[end] !== mark && source[end] !== "\n") end += 1;
      cells.push((cell + source.slice(at, end)).trim());
      at = end + 1;
      if (end >= source.length || source[end] === "\n") break;
    }
    if (cells.length > 1 || cells[0] !== "") rows.push({ line: begun, cells });
    line += 1;
  }
  return rows;
}

const isNumber = (cell) => cell !== "" && Number.isFinite(Number(cell));

function numberOf(cell, column, line) {
  if (EMPTY.includes(cell.toLowerCase())) return null;
  if (!isNumber(cell))
    throw new CsvError(
      `“${cell.slice(0, 40)}” in the column ${column} is no number; leave it empty where it is missing`,
      line,
    );
  return Number(cell);
}

/** Which column is what: the usual names, else the only one that is left. */
function rolesOf(header, model, line) {
  const low = header.map((name) => name.toLowerCase()),
    named = (names) => low.findIndex((name) => names.includes(name));
  const id = named(SERIES);
  let time = named(TIMES),
    target = header.indexOf(model.target);
  if (target < 0) target = named(TARGETS);
  const known = [...model.covariates, ...model.static];
  const left = header
    .map((_, at) => at)
    .filter((at) => ![id, time, target].includes(at) && !known.includes(header[at]));
  if (target < 0 && left.length === 1) target = left[0];
  if (time < 0 && target >= 0 && left.length === 1 && left[0] !== target) time = left[0];
  if (target < 0)
    throw new CsvError(`a column ${model.target} or y was expected, there are ${header.join(", ")}`, line);
  const missing = model.covariates.filter((name) => !header.includes(name));
  if (missing.length)
    throw new CsvError(`this model needs the columns ${missing.join(", ")} too, there are ${header.join(", ")}`, line);
  const places = (names) => names.map((name) => [name, header.indexOf(name)]).filter(([, at]) => at >= 0);
  return { id, time, target, covariates: places(model.covariates), static: places(model.static) };
}

function without(series, model) {
  const fields = () => Object.fromEntries(model.covariates.map((name) => [name, []]));
  return {
    name: series,
    y: [],
    lines: [],
    times: [],
    covariates: fields(),
    static: Object.fromEntries(model.static.map((name) => [name, null])),
  };
}

/**
 * The series of a file, in the order of its rows, each {name, start, y, covariates, static, lines}: y has a null where a
 * reading is missing, `lines` the line of each. Without a column of times they are counted on from `start`.
 */
export function seriesOf(text, name, model, clock, start = null) {
  const rows = cellsOf(text);
  if (!rows.length) throw new CsvError("The file is empty; a column of times and one of values were expected.");
  const bare = rows[0].cells.every((cell) => isNumber(cell) || EMPTY.includes(cell.toLowerCase()));
  if (bare) return [listOf(rows, name, model, start)];
  const roles = rolesOf(rows[0].cells, model, rows[0].line),
    found = new Map();
  for (const { line, cells } of rows.slice(1)) {
    if (cells.length !== rows[0].cells.length)
      throw new CsvError(`${rows[0].cells.length} columns were expected, got ${cells.length}`, line);
    const id = roles.id < 0 ? name : cells[roles.id];
    if (!found.has(id)) found.set(id, without(id, model));
    add(found.get(id), roles, cells, line, clock, start);
  }
  if (!found.size) throw new CsvError("There is a heading and no row below it.");
  return [...found.values()];
}

function add(series, roles, cells, line, clock, start) {
  let time = roles.time < 0 ? clock.after(start ?? 0, series.y.length) : null;
  if (roles.time < 0 && start === null && clock.calendar)
    throw new CsvError("a column with times was expected: ds or timestamp", 1);
  try {
    time ??= clock.read(cells[roles.time]);
  } catch (wrong) {
    throw new CsvError(wrong.message, line);
  }
  series.start ??= time;
  const step = clock.step(series.start, time),
    expected = series.y.length;
  if (step === null)
    throw new CsvError(
      `${cells[roles.time]} is not on the model's grid: a reading every ${clock.alias} from ${clock.write(series.start)} on`,
      line,
    );
  if (step < expected) {
    const which = step === expected - 1 ? "the time of the row before too" : "before the row above";
    throw new CsvError(`${cells[roles.time]} is ${which}; rows go on in time, each time once`, line);
  }
  if (step >= MOST_STEPS)
    throw new CsvError(
      `${cells[roles.time]} is ${step} steps of ${clock.alias} after the first row; at most ${MOST_STEPS} are taken`,
      line,
    );
  while (series.y.length < step) push(series, null, (column) => column.push(null), 0);
  push(
    series,
    numberOf(cells[roles.target], "of values", line),
    (column, key) => column.push(numberOf(cells[roles.covariates.find(([known]) => known === key)[1]], key, line)),
    line,
  );
  for (const [key, at] of roles.static) series.static[key] ??= numberOf(cells[at], key, line);
}

function push(series, y, each, line) {
  series.y.push(y);
  series.lines.push(line);
  for (const [key, column] of Object.entries(series.covariates)) each(column, key);
}

/** Values alone, one a line or all in one. */
function listOf(rows, name, model, start) {
  if (model.covariates.length)
    throw new CsvError(
      `this model needs the columns ${model.covariates.join(", ")} beside the values: give a heading with their names`,
      rows[0].line,
    );
  const series = { ...without(name, model), start: start ?? 0 };
  for (const { line, cells } of rows)
    for (const cell of cells) push(series, numberOf(cell, "of values", line), () => {}, line);
  return series;
}

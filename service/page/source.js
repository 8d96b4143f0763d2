// Series to play: those that come with Gatecast where they fit the model, and files that somebody brings.
import { Clock } from "./clock.js";
import { CsvError, LARGEST, seriesOf } from "./csv.js";

const SHARE = 0.5; // of a file that is history, where nobody says what the model has not seen
const CONTEXTS = 3; // of the model's context, that a session begins with: its statistics are then complete
const LEAST = 64;

/** The part of a series that is played: `begin` is the index of the session's step 0, `first` of the first reading. */
function played(series, model, clock) {
  const told = model.training.held_out?.start,
    length = series.y.length;
  let first = told === undefined ? null : clock.step(series.start, clock.read(String(told).replace("Z", "")));
  if (first === null || first < 1 || first >= length) first = Math.max(1, Math.floor(SHARE * length));
  const history = Math.min(first, model.limits.history_steps, Math.max(LEAST, CONTEXTS * model.context));
  return { ...series, begin: first - history, first };
}

/** The mean of each `size` readings that follow one another. */
function coarser(series, size) {
  const y = [],
    lines = [];
  for (let at = 0; at + size <= series.y.length; at += size) {
    const some = series.y.slice(at, at + size).filter((value) => value !== null);
    y.push(some.length ? some.reduce((a, b) => a + b, 0) / some.length : null);
    lines.push(series.lines[at]);
  }
  return { ...series, y, lines };
}

/** What somebody brought, as series to play; a CsvError names the line that is wrong. */
export async function uploaded(file, model, clock) {
  if (file.size > LARGEST)
    throw new CsvError(
      `${file.name} has ${Math.round(file.size / 2 ** 20)} MiB, at most ${LARGEST / 2 ** 20} are read`,
    );
  const found = seriesOf(await file.text(), file.name.replace(/\.[^.]*$/, ""), model, clock);
  for (const { name, y } of found)
    if (y.length < 2) throw new CsvError(`The series ${name} has one reading; at least two were expected.`);
  return found.map((each) => played(each, model, clock));
}

/** The bundled series that this model can take, each with `load`; and where there is none, why in words. */
export async function bundled(service, model, clock) {
  if (model.covariates.length) {
    const columns = ["ds", model.target, ...model.covariates, ...model.static].join(", ");
    const said = `This model forecasts ${model.target} with ${model.covariates.join(", ")}`;
    return { series: [], said: `${said}: drop a CSV with the columns ${columns}.` };
  }
  const listed = JSON.parse(await service.text("/page/series.json"));
  const fitting = listed.flatMap(({ name, path, frequency }) => {
    const own = new Clock(frequency),
      size = clock.unit === "second" ? clock.size / own.size : 0;
    if (size < 1 || !Number.isInteger(size)) return [];
    const load = async () => {
      const [read] = seriesOf(await service.text(path), name, { ...model, target: "value", static: [] }, own);
      const series = size === 1 ? read : coarser(read, size);
      return played(
        { ...series, name, static: Object.fromEntries(model.static.map((each) => [each, null])) },
        model,
        clock,
      );
    };
    return [
      { name: size === 1 ? name : `${name}, means of ${clock.alias}`, trained: trainedOn(model, name), size, load },
    ];
  });
  fitting.sort((a, b) => b.trained - a.trained || a.size - b.size);
  const said = fitting.length
    ? ""
    : `No bundled series has a reading every ${clock.alias}: drop a CSV of yours (ds, ${model.target}).`;
  return { series: fitting, said };
}

const trainedOn = (model, name) =>
  JSON.stringify(model.training.data ?? {}).includes(name) || model.name.includes(name);

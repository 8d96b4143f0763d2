// Readings of a series as this model takes them: with its covariates, and with what is known ahead of each.

/** One reading of a frame; `at` is its index in the series, `y` takes the place of what was read. */
export function reading(series, at, model, session, y = series.y[at] ?? null) {
  const sent = { session, step: at - series.begin, y };
  if (model.covariates.length)
    sent.covariates = Object.fromEntries(model.covariates.map((name) => [name, series.covariates[name][at] ?? null]));
  const future = ahead(series, at, model);
  if (future) sent.future = future;
  return sent;
}

/** Of the covariates that are known ahead, the values of the steps after `at`; null beyond the end of the data. */
export function ahead(series, at, model) {
  if (!model.future.length) return undefined;
  const steps = Array.from({ length: model.horizon }, (_, step) => at + 1 + step);
  return Object.fromEntries(
    model.future.map((name) => [name, steps.map((step) => series.covariates[name][step] ?? null)]),
  );
}

/** What stands before the index `end`, as the body of a request has a history. */
export function history(series, end, model, clock, begin = series.begin) {
  const covariates = Object.fromEntries(
    model.covariates.map((name) => [name, series.covariates[name].slice(begin, end)]),
  );
  return {
    start: clock.write(clock.after(series.start, begin)),
    y: series.y.slice(begin, end),
    ...(model.covariates.length ? { covariates } : {}),
  };
}

/** The features that never change, where the model knows any. */
export const constant = (series, model) => (model.static.length ? { static: series.static } : {});

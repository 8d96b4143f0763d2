// Which of the trained quantiles the page draws: an outer band, and one within it.
const near = (pairs, low) => pairs.reduce((a, b) => (Math.abs(b[0] - low) < Math.abs(a[0] - low) ? b : a));
const same = (a, b) => Math.abs(a - b) < 1e-9;

/** Bands as [low, high], the outer one first; none of a model that has no two levels around its median. */
export function bandsOf(quantiles) {
  const pairs = quantiles
    .filter((level) => level < 0.5)
    .map((low) => [low, quantiles.find((high) => same(high, 1 - low))])
    .filter(([, high]) => high !== undefined);
  if (!pairs.length) return [];
  const outer = pairs.reduce((a, b) => (b[0] < a[0] ? b : a)),
    rest = pairs.filter((pair) => pair !== outer);
  return rest.length ? [outer, near(rest, 0.25)] : [outer];
}

/** A band in words: "95 % band". */
export const bandName = ([low, high]) => `${+(100 * (high - low)).toFixed(1)} % band`;

// Rows in an order in which those of like course stand beside each other: by their angle in the plane of the two main
// components (Friendly, 2002, "Corrgrams"), found by power iteration.
const ROUNDS = 30;

/** The units of rows (time, units), ordered; a unit's course is taken within its own range [lowest, room]. */
export function likeBesideLike(some, ranges) {
  const courses = ranges.map(([, room], unit) => {
    const mean = some.reduce((sum, row) => sum + row[unit], 0) / some.length;
    return some.map((row) => (row[unit] - mean) / room);
  });
  const first = component(courses, null),
    second = component(courses, first);
  const angle = courses.map((course) => Math.atan2(dot(course, second), dot(course, first)));
  return ranges.map((_, unit) => unit).sort((a, b) => angle[b] - angle[a]);
}

const dot = (a, b) => a.reduce((sum, value, at) => sum + value * b[at], 0);

/** The direction in which the courses differ most, at a right angle to `other`. */
function component(courses, other) {
  let found = courses[0].map((_, at) => Math.cos(at * (other ? 0.37 : 0.11)));
  for (let round = 0; round < ROUNDS; round += 1) {
    if (other) {
      const share = dot(found, other);
      found = found.map((value, at) => value - share * other[at]);
    }
    const next = found.map(() => 0);
    for (const course of courses) {
      const share = dot(course, found);
      course.forEach((value, at) => {
        next[at] += share * value;
      });
    }
    const size = Math.sqrt(dot(next, next)) || 1;
    found = next.map((value) => value / size);
  }
  return found;
}

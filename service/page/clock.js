// The grid of time: a frequency, its steps and seasons, and times as text. Times are seconds of the series' own clock
// since 1970, or plain counts.
const MINUTE = 60,
  HOUR = 3600,
  DAY = 86400,
  WEEK = 604800;
const UNITS = {
  s: ["second", 1],
  min: ["second", MINUTE],
  h: ["second", HOUR],
  d: ["second", DAY],
  w: ["second", WEEK],
  mo: ["month", 1],
  q: ["month", 3],
  y: ["month", 12],
};
const TEXT = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.0+)?)?)?(Z|[+-]\d\d:?\d\d)?$/;
const LONGEST_SEASON = 2016;

export class Clock {
  /** `alias` as GET /v1/model writes it (30min, 1h, 1mo, 1); `zone` is the model's time zone or null. */
  constructor(alias, zone = null) {
    const [, number, word] = /^(\d+)([a-z]*)$/.exec(alias);
    const [unit, size] = UNITS[word] ?? ["count", 1];
    Object.assign(this, { alias, zone, unit, size: size * Number(number) });
  }

  get calendar() {
    return this.unit !== "count";
  }

  /** Steps of a second grid in that many seconds, or 0 where they are no whole number. */
  in(seconds) {
    return this.unit === "second" && seconds % this.size === 0 ? seconds / this.size : 0;
  }

  /** The number of a time that is written as text; an Error says what is wrong with it. */
  read(text) {
    if (!this.calendar) {
      if (!/^-?\d{1,15}$/.test(text)) throw new Error(`a whole number was expected as time, got “${text}”`);
      return Number(text);
    }
    const found = TEXT.exec(text);
    if (!found) throw new Error(`a time such as 2015-01-10 00:30:00 was expected, got “${text}”`);
    const [year, month, day, hour, minute, second] = found.slice(1, 7).map((part) => Number(part ?? 0));
    const seconds = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
    const back = new Date(seconds * 1000);
    if (back.getUTCMonth() !== month - 1 || back.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) {
      throw new Error(`there is no time “${text}”`);
    }
    return found[7] ? seconds - this.#offset(text, found[7]) : seconds;
  }

  #offset(text, sent) {
    if (this.zone !== "UTC")
      throw new Error(`“${text}” has an offset, which this model's times have not: leave it out`);
    if (sent === "Z") return 0;
    const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)$/.exec(sent);
    return (sign === "-" ? -1 : 1) * (Number(hours) * HOUR + Number(minutes) * MINUTE);
  }

  /** The time as the service takes it. */
  write(time) {
    return this.calendar ? new Date(time * 1000).toISOString().slice(0, 19) : time;
  }

  /** As people read it. */
  shown(time) {
    if (!this.calendar) return String(time);
    const moment = new Date(time * 1000);
    const day = moment.toLocaleDateString("en-GB", {
      weekday: "short",
      day: "numeric",
      month: "short",
      year: "numeric",
      timeZone: "UTC",
    });
    return this.unit === "second" && this.size < DAY
      ? `${day} ${moment.toISOString().slice(11, this.size < MINUTE ? 19 : 16)}`
      : day;
  }

  /** The time so many steps after `start`; a monthly grid keeps its day, and a month's end stays one. */
  after(start, steps) {
    if (this.unit !== "month") return start + steps * this.size;
    const first = new Date(start * 1000),
      last = (year, month) => new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
    const end = first.getUTCDate() === last(first.getUTCFullYear(), first.getUTCMonth());
    const months = first.getUTCFullYear() * 12 + first.getUTCMonth() + steps * this.size;
    const year = Math.floor(months / 12),
      month = months - 12 * year;
    const day = end ? last(year, month) : Math.min(first.getUTCDate(), last(year, month));
    return Date.UTC(year, month, day) / 1000 + (start - Math.floor(start / DAY) * DAY);
  }

  /** The step of a time counted from `start`, null where it is not on the grid. */
  step(start, time) {
    let steps = (time - start) / this.size;
    if (this.unit === "month") {
      const [a, b] = [new Date(start * 1000), new Date(time * 1000)];
      steps = ((b.getUTCFullYear() - a.getUTCFullYear()) * 12 + b.getUTCMonth() - a.getUTCMonth()) / this.size;
    }
    return Number.isInteger(steps) && this.after(start, steps) === time ? steps : null;
  }

  /** Seasonal lags in steps, the two longest that are whole and not too long; [1] where there is none. */
  seasons() {
    if (this.unit === "count") return [1];
    const weekly = this.unit === "second" && this.size % WEEK === 0;
    const cycles = this.unit === "month" ? [12] : weekly ? [52 * WEEK] : [MINUTE, HOUR, DAY, WEEK];
    const lags = cycles.filter((cycle) => cycle % this.size === 0).map((cycle) => cycle / this.size);
    const whole = lags.filter((lag) => lag >= 2 && lag <= LONGEST_SEASON).slice(-2);
    return whole.length ? whole : [1];
  }

  /** So many steps in words: "a day", "6 hours", "12 steps". */
  long(steps) {
    if (steps === 1) return "1 step";
    for (const [length, name] of [
      [WEEK, "week"],
      [DAY, "day"],
      [HOUR, "hour"],
      [MINUTE, "minute"],
    ]) {
      const count = (steps * this.size) / length;
      if (this.unit === "second" && Number.isInteger(count)) return count === 1 ? `1 ${name}` : `${count} ${name}s`;
    }
    return this.unit === "month" && this.size === 1 ? `${steps} months` : `${steps} steps`;
  }
}

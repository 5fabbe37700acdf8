// Numbers as people read them: lengths of time, octets, counts, moments. Always with their unit, never wider than needed.

/**
 * A length of time in microseconds: `320 µs`, `4.4 ms`, `464 ms`, `1.35 s`, `2 min 5 s`.
 * @param {number} us
 */
export function duration(us) {
  const sign = us < 0 ? '−' : '';
  const size = Math.abs(us);
  if (size < 1) return size === 0 ? '0' : `${sign}${Math.round(size * 1000)} ns`;
  if (size < 999.5) return `${sign}${round(size)} µs`;
  if (size < 999_500) return `${sign}${round(size / 1e3)} ms`;
  if (size < 59.995e6) return `${sign}${(size / 1e6).toFixed(size < 9.995e6 ? 2 : 1)} s`;
  const seconds = Math.round(size / 1e6);
  if (seconds < 3600) return `${sign}${Math.floor(seconds / 60)} min${seconds % 60 ? ` ${seconds % 60} s` : ''}`;
  const minutes = Math.round(seconds / 60);
  return `${sign}${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ''}`;
}

/** Three digits that count, at most one behind the point. @param {number} value */
function round(value) {
  return value < 99.95 && value % 1 !== 0 ? value.toFixed(1).replace(/\.0$/, '') : String(Math.round(value));
}

/** `320 microseconds`: as it is spoken. @param {number} us */
export function spoken(us) {
  return duration(us)
    .replace(/ µs$/, ' microseconds').replace(/ ms$/, ' milliseconds').replace(/ ns$/, ' nanoseconds')
    .replace(/ min/, ' minutes').replace(/ h/, ' hours').replace(/ s$/, ' seconds');
}

/** Octets: `61.2 kB`. @param {number} count */
export function bytes(count) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : round(value)} ${units[unit]}`;
}

/** `38,204` @param {number} value */
export function count(value) {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** `1 M`, `250 k`: a limit, where it need not be exact. @param {number} value */
export function short(value) {
  if (value >= 1e9) return `${round(value / 1e9)} G`;
  if (value >= 1e6) return `${round(value / 1e6)} M`;
  if (value >= 1e4) return `${round(value / 1e3)} k`;
  return count(value);
}

/** What stays escaped in an address: all but letters, digits and pictures; what nobody sees; and letters that run from right to left: they turn round what is beside them. */
const UNREADABLE = /[^\p{L}\p{N}\p{M}\p{Extended_Pictographic}]|[\p{Default_Ignorable_Code_Point}\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]|^\p{M}+/gu;

/** Letters of alphabets in which some look like Latin ones. */
const ALIKE = /[\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Lisu}]/u;

/**
 * An address as people read it, where no letter passes for another one: `/caf%C3%A9` is `/café`. What is ASCII stays as it was sent.
 * @param {string} address
 */
export function readable(address) {
  // By words: what is escaped though it is ASCII stands between them.
  return address.replace(/%[0-7][\da-f]|(?:%[89a-f][\da-f]|[a-z])+/gi, (word) => {
    try {
      const text = decodeURIComponent(word);
      if (ALIKE.test(text) && /\p{Script=Latin}/u.test(text)) return word;
      return word.replace(/(?:%[89a-f][\da-f])+/gi, (octets) => decodeURIComponent(octets).replace(UNREADABLE, encodeURIComponent));
    } catch {
      return word;
    }
  });
}

/** One thing, several things: `1 span`, `24 spans`. @param {number} number @param {string} one @param {string} [several] */
export function things(number, one, several = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : several}`;
}

/** A moment of the day, in this place's time: `14:02:11.482`. @param {number} us since the Unix epoch @param {0 | 1 | 3} [digits] */
export function clock(us, digits = 3) {
  const at = new Date(us / 1000);
  const two = (/** @type {number} */ number) => String(number).padStart(2, '0');
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return digits === 0 ? time : `${time}.${String(at.getMilliseconds()).padStart(3, '0').slice(0, digits)}`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A day: `26 Nov`. @param {number} us since the Unix epoch */
export function day(us) {
  const at = new Date(us / 1000);
  return `${at.getDate()} ${MONTHS[at.getMonth()]}`;
}

/** `26 Nov, 14:02:11` @param {number} us since the Unix epoch */
export function moment(us) {
  return `${day(us)}, ${clock(us, 0)}`;
}

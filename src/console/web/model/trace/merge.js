// A trace that has grown, made of what is known of it and of what the API tells since (`after=`): rows that say what they
// said are taken over, wherever they stand now; the others come with the answer.

/** @import { Columns, Trace as Wire } from '../../types/wire.d.ts' */
/** @import { Told } from './columns.js' */
/** @typedef {[number, number, number]} Run from this row on, from that row on before, so many */

/** Columns of places in the table of texts. */
const TEXTS = /** @type {const} */ (['name', 'svc', 'stage', 'note', 'tag']);

/**
 * The whole trace; `told` itself, if it is whole; null, if it is told of another trace than the one that is known.
 * @param {Told | null} known
 * @param {Wire} told
 * @returns {Wire | null}
 */
export function merged(known, told) {
  const { since, ...rest } = told;
  if (!since) return told;
  const runs = /** @type {Run[]} */ (since.kept);
  if (!known || since.version !== known.version || !fits(runs, known, told)) return null;
  const strings = [...known.strings];
  const places = new Map(strings.map((text, place) => [text, place]));
  const placeOf = told.strings.map((text) => {
    const place = places.get(text) ?? strings.push(text) - 1;
    places.set(text, place);
    return place;
  });
  const place = (/** @type {number} */ of) => placeOf[of] ?? 0;
  const fresh = { ...told.spans };
  for (const name of TEXTS) fresh[name] = fresh[name].map(place);
  /** Times are exact to the nanosecond; what was added up is, too. @param {number} us */
  const moved = (us) => (since.shift_us ? Math.round((us + since.shift_us) * 1e3) / 1e3 : us);
  const old = { ...known.spans, start_us: since.shift_us ? Array.from(known.spans.start_us, moved) : known.spans.start_us };
  const spans = /** @type {Columns} */ (Object.fromEntries(Object.keys(fresh).map((name) => {
    const key = /** @type {keyof Columns} */ (name);
    return [key, column(runs, /** @type {ArrayLike<unknown>} */ (old[key]), /** @type {unknown[]} */ (fresh[key]))];
  })));
  const rowOf = new Int32Array(known.spans.id.length).fill(-1);
  for (const [at, from, count] of runs) for (let step = 0; step < count; step++) rowOf[from + step] = at + step;
  const events = [
    ...known.events.flatMap(([row, at, name]) => (/** @type {number} */ (rowOf[row]) < 0 ? [] : [/** @type {Run} */ ([rowOf[row], moved(at), name])])),
    ...told.events.map(([row, at, name]) => /** @type {Run} */ ([row, at, place(name)])),
  ];
  return { ...rest, strings, spans, events: events.sort((a, b) => a[0] - b[0]) };
}

/** Whether runs stand in order, and within what there is. @param {Run[]} runs @param {Told} known @param {Wire} told */
function fits(runs, known, told) {
  let [end, sent] = [0, told.spans.id.length];
  for (const [at, from, count] of runs) {
    sent -= at - end;
    if (at < end || from < 0 || count < 0 || from + count > known.spans.id.length || sent < 0) return false;
    end = at + count;
  }
  return true;
}

/**
 * @template T
 * @param {Run[]} runs
 * @param {ArrayLike<T>} old
 * @param {T[]} fresh
 */
function column(runs, old, fresh) {
  /** @type {T[]} */
  const list = [];
  let next = 0;
  for (const [at, from, count] of runs) {
    while (list.length < at) list.push(/** @type {T} */ (fresh[next++]));
    for (let row = from; row < from + count; row++) list.push(/** @type {T} */ (old[row]));
  }
  while (next < fresh.length) list.push(/** @type {T} */ (fresh[next++]));
  return list;
}

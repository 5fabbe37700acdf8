// Which rows of a long list are drawn.

/**
 * @param {{ top: number, height: number, row: number, count: number, ahead: number }} view pixels, and rows drawn ahead
 * @returns {[number, number]} from, to
 */
export function visible({ top, height, row, count, ahead }) {
  const from = Math.max(0, Math.floor(top / row) - ahead);
  const to = Math.min(count, Math.ceil((top + height) / row) + ahead);
  return [Math.min(from, count), Math.max(to, Math.min(from, count))];
}

/**
 * The scroll position that leaves a row where it is, after others came or went.
 * @param {{ top: number, row: number, before: number, after: number }} anchor places of the row that must not move
 */
export function anchored({ top, row, before, after }) {
  return before < 0 || after < 0 ? top : Math.max(0, top + (after - before) * row);
}

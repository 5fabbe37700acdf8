// Light, dark, or as the system: chosen here, kept in this browser, and put on by `theme.js` before the first paint.

const KEPT = 'waylight.theme';

export const THEMES = /** @type {const} */ (['auto', 'light', 'dark']);
/** @typedef {(typeof THEMES)[number]} Theme */

/** What was chosen. @returns {Theme} */
export function theme() {
  const kept = localStorage.getItem(KEPT);
  return THEMES.find((known) => known === kept) ?? 'auto';
}

/** Puts it on, and tells by `wl-theme` whoever shows which it is. @param {Theme} next */
export function choose(next) {
  if (next === 'auto') {
    localStorage.removeItem(KEPT);
    delete document.documentElement.dataset['theme'];
  } else {
    localStorage.setItem(KEPT, next);
    document.documentElement.dataset['theme'] = next;
  }
  document.dispatchEvent(new CustomEvent('wl-theme'));
}

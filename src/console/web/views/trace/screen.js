// The screen of one trace, `/t/ID`, or of two, `/t/B?vs=A`.

import { TraceView } from './trace-view.js';

/** @import { Opened, Place } from '../../model/contract.js' */

/** @param {Place} place @returns {Opened} */
export function open(place) {
  let shown = '';
  const show = async (/** @type {string[]} */ [id = '']) => {
    const versus = place.router.query['vs'] ?? '';
    // What else is in the address, the viewer itself reads and writes.
    if (shown === `${id} ${versus}`) return;
    const mine = shown = `${id} ${versus}`;
    const view = versus ? new (await import('./compare-view.js')).CompareView() : new TraceView();
    if (mine !== shown) return;
    const { api, router, live, keys } = place;
    Object.assign(view, { api, router, live, keys });
    if (versus) {
      view.setAttribute('a', versus);
      view.setAttribute('b', id);
    } else view.setAttribute('trace', id);
    view.addEventListener('wl-told', (event) => place.title(/** @type {CustomEvent<string>} */ (event).detail));
    place.main.replaceChildren(view);
  };
  void show(place.rest);
  return { close: () => (shown = '', place.main.replaceChildren()), moved: (rest) => void show(rest) };
}

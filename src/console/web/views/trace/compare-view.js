// <wl-compare a="ID" b="ID">: trace `b` in the viewer, and `a`, the older one, as ghosts below its bars. More runs of the
// same address say which differences are noise.

import { Problem } from '../../api.js';
import { sheet, toast } from '../../dom.js';
import { compare } from '../../model/trace/compare.js';
import { readTrace } from './source.js';
import { TraceView } from './trace-view.js';

/** @import { Api, Keys, Live, Router } from '../../model/contract.js' */
/** @import { Trace } from '../../model/trace/columns.js' */
/** @import { Runs } from '../../types/wire.d.ts' */

export class CompareView extends HTMLElement {
  static observedAttributes = ['a', 'b'];

  /** @type {Api | null} */
  api = null;
  /** @type {Router | null} */
  router = null;
  /** @type {Live | null} */
  live = null;
  /** @type {Keys | null} */
  keys = null;

  connectedCallback() {
    this.classList.add('tr', 'tr-versus');
    void sheet('styles/trace.css').catch(() => undefined);
    this.#show();
  }

  attributeChangedCallback() {
    if (this.isConnected) this.#show();
  }

  #show() {
    const [a, b] = [this.getAttribute('a'), this.getAttribute('b')];
    const { api } = this;
    if (!a || !b || !api) return;
    const view = new TraceView();
    view.setAttribute('trace', b);
    view.api = api;
    view.router = this.router;
    view.live = this.live;
    view.keys = this.keys;
    /** Read, or missed, once, however often the newer one grows. @type {Promise<[Trace, Runs['spans'], unknown] | null> | null} */
    let others = null;
    view.comparing = async (now) => {
      // Ghosts are drawn with the first bars: their style sheet comes along.
      others ??= Promise.all([readTrace(api, a), runs(api, a), sheet('styles/trace-held.css').catch(() => undefined)]).catch((error) => {
        if (!(error instanceof Problem) || error.status !== 404) {
          others = null;
          throw error;
        }
        this.dispatchEvent(toast('The trace to compare with is not here any more: this one is shown alone', 'error'));
        return null;
      });
      const known = await others;
      return known && compare(now, known[0], known[1]);
    };
    this.replaceChildren(view);
  }
}

/** How long the older one's spans take in all of its runs. @param {Api} api @param {string} id @returns {Promise<Runs['spans']>} */
async function runs(api, id) {
  try {
    return /** @type {Runs} */ (await api.get(`/traces/${id}/runs`)).spans;
  } catch {
    // Without more runs every difference is told.
    return {};
  }
}

customElements.define('wl-compare', CompareView);

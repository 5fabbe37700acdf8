// <wl-compare a="ID" b="ID">: trace `b` in the viewer, and `a`, the older one, as ghosts below its bars. More runs of the
// same address say which differences are noise.

import { sheet } from '../../dom.js';
import { compare } from '../../model/trace/compare.js';
import { readTrace } from './source.js';
import { TraceView } from './trace-view.js';

/** @import { Api, Keys, Live, Router } from '../../model/contract.js' */
/** @import { Trace } from '../../model/trace/columns.js' */
/** @import { Request as RequestItem } from '../../types/wire.d.ts' */

/** Other runs that are read. */
const RUNS_MAX = 8;

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
    /** Read once, however often the newer one grows. @type {Promise<[Trace, Trace[]]> | null} */
    let others = null;
    view.comparing = async (now) => {
      others ??= Promise.all([readTrace(api, a), this.#runs(a, b)]);
      try {
        return compare(now, ...(await others));
      } catch (error) {
        others = null;
        throw error;
      }
    };
    this.replaceChildren(view);
  }

  /**
   * Other traced requests of what `a` is a trace of: as long as there are some, they say what is usual.
   * @param {string} a
   * @param {string} b
   * @returns {Promise<Trace[]>}
   */
  async #runs(a, b) {
    const { api } = this;
    if (!api) return [];
    try {
      /** @param {Record<string, string | number>} query @returns {Promise<RequestItem[]>} */
      const items = async (query) => (await /** @type {Promise<{ items: RequestItem[] }>} */ (api.get('/requests', { query }))).items;
      const first = (await items({ trace: a, limit: 50 })).sort((one, other) => one.ts_us - other.ts_us)[0];
      if (!first) return [];
      const alike = await items({ q: `path:${first.path} method:${first.method}`, traced: 1, limit: 50 });
      const ids = alike.filter((item) => item.path === first.path && item.trace_id && item.trace_id !== a && item.trace_id !== b)
        .map((item) => /** @type {string} */ (item.trace_id));
      const read = await Promise.all([...new Set(ids)].slice(0, RUNS_MAX).map((id) => readTrace(api, id).catch(() => null)));
      return read.filter((run) => run !== null);
    } catch {
      // Without more runs every difference is told.
      return [];
    }
  }
}

customElements.define('wl-compare', CompareView);

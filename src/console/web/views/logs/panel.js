// <wl-request>: all that is known of one request. Its trace stands in it, as on its own page.

import { Problem } from '../../api.js';
import { copy, h, toast } from '../../dom.js';
import { icon } from '../../icons.js';
import { bytes, clock, day, duration, readable } from '../../model/format.js';
import { curl, difference } from '../../model/headers.js';
import { phasesOf } from '../../model/phases.js';
import { cacheLook, statusOf } from './row.js';

/** @import { Place } from '../../model/contract.js' */
/** @import { Fields } from '../../model/headers.js' */
/** @import { Request, RequestDetail } from '../../types/wire.d.ts' */
/** @typedef {Request & RequestDetail} Detail */
/** @typedef {{ say: (string | HTMLElement)[], show: () => void }} Verdict its words, and what shows the span to blame */

/** Header fields of a traced request are there once it is stored: asked again after so long, so often. */
const STORED_MS = 700;
const STORED_TRIES = 8;

export class RequestPanel extends HTMLElement {
  #place;
  #out;
  /** @type {AbortController} */
  #asking = new AbortController();
  #id = '';
  /** @type {Detail | null} */
  #detail = null;
  #body = h('div', { class: 'panel-body', tabIndex: 0, role: 'region', 'aria-label': 'Details' });
  #head = h('div', { class: 'panel-head' });
  #foot = h('div', { class: 'panel-foot' });
  /** What the trace says of it, once that is read. */
  #verdict = h('p', { class: 'panel-verdict', hidden: true });
  #said = h('span');
  #lead = h('button', { class: 'link-button', type: 'button', onclick: () => this.#blame() }, 'Show it');
  /** @type {() => void} */
  #show = () => undefined;
  /** Whether the trace is unfolded; the next request has it so, too. */
  #unfolded = true;

  /**
   * @param {Place} place
   * @param {{ step: (by: number) => void, close: () => void }} out
   */
  constructor(place, out) {
    super();
    this.#place = place;
    this.#out = out;
  }

  connectedCallback() {
    this.setAttribute('role', 'complementary');
    this.setAttribute('aria-label', 'Request');
    if (this.firstChild) return;
    this.append(this.#head, this.#body, this.#foot);
    this.addEventListener('wl-verdict', (event) => this.#tell(/** @type {CustomEvent<Verdict | null>} */ (event).detail));
  }

  disconnectedCallback() {
    this.#asking.abort();
    // What was not read to its end is read anew when it is opened again.
    this.#id = '';
  }

  /** @override */
  focus() {
    this.#body.focus({ preventScroll: true });
  }

  /** The trace of what is shown, if there is one. */
  get trace() {
    return this.#detail?.trace_id ?? null;
  }

  /** Shows a request; what is known already is shown at once. @param {string} id @param {Request | undefined} known */
  async show(id, known) {
    if (id === this.#id) return;
    this.#id = id;
    this.#detail = null;
    this.#asking.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    if (known) this.#drawHead(known);
    this.#body.setAttribute('aria-busy', 'true');
    try {
      /** @type {Detail} */
      const asked = await this.#place.api.get(`/requests/${id}`, { signal });
      // The stream may have been quicker.
      const detail = known?.trace_id && !asked.trace_id ? { ...asked, trace_id: known.trace_id, trigger: known.trigger } : asked;
      this.#draw(detail);
      if (awaitsHeaders(detail)) void this.#awaitHeaders(id, signal);
    } catch (error) {
      if (!signal.aborted) this.#fail(error, { id, known });
    }
    if (!signal.aborted) this.#body.removeAttribute('aria-busy');
  }

  /** @param {string} id @param {AbortSignal} signal */
  async #awaitHeaders(id, signal) {
    for (let turn = 0; turn < STORED_TRIES; turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, STORED_MS));
      if (signal.aborted) return;
      /** @type {Detail | null} */
      const detail = await this.#place.api.get(`/requests/${id}`, { signal }).catch(() => null);
      if (signal.aborted || !detail || !this.#detail) return;
      if (!detail.headers) continue;
      this.#detail = detail;
      this.#body.querySelector('.headers')?.replaceWith(this.#headers(detail));
      return this.#drawFoot(detail);
    }
    const box = this.#body.querySelector('.headers .muted');
    if (box) box.textContent = 'None were kept of this request.';
  }

  /** More became known of it. @param {Request} request */
  patch(request) {
    if (request.id === this.#id && this.#detail && request.trace_id !== null && this.#detail.trace_id !== request.trace_id) {
      this.#id = '';
      void this.show(request.id, request);
    }
  }

  /** @param {unknown} error @param {{ id: string, known: Request | undefined }} asked */
  #fail(error, { id, known }) {
    const text = error instanceof Error ? error.message : String(error);
    const isGone = error instanceof Problem && error.status === 404;
    if (!known) this.#head.replaceChildren(h('div', { class: 'panel-title' }, h('h2', null, 'Request'), this.#tools()));
    const again = () => {
      this.#id = '';
      void this.show(id, known);
    };
    this.#body.replaceChildren(h('div', { class: 'state-page' }, h('h2', null, isGone ? 'This request is not known any more' : 'This cannot be shown now'), h('p', null, text),
      h('div', { class: 'row' }, isGone ? null : h('button', { class: 'button', type: 'button', onclick: again }, 'Try again'),
        h('button', { class: 'button', type: 'button', onclick: () => this.#out.close() }, 'Close'))));
    this.#foot.replaceChildren();
  }

  #tools() {
    const tool = (/** @type {'up' | 'down' | 'close'} */ name, /** @type {string} */ label, /** @type {() => void} */ run) =>
      h('button', { class: 'icon-button', type: 'button', 'aria-label': label, title: label, onclick: run }, icon(name));
    return h('span', { class: 'panel-tools' }, tool('up', 'Previous request (K)', () => this.#out.step(-1)),
      tool('down', 'Next request (J)', () => this.#out.step(1)), tool('close', 'Close (Esc)', () => this.#out.close()));
  }

  /** @param {Request & { version?: string }} request */
  #drawHead(request) {
    const status = statusOf(request);
    const query = request.query ? h('span', { class: 'query' }, `?${readable(request.query)}`) : null;
    const parts = [
      h('span', { title: day(request.ts_us) }, clock(request.ts_us)),
      h('span', null, bytes(request.bytes)),
      request.version ? h('span', null, `HTTP/${request.version}`) : null,
      h('span', null, request.host),
      h('button', { class: 'mono plain-button', type: 'button', title: 'Copy the id', onclick: () => void copy(this, request.id, 'Id copied') }, request.id.slice(0, 8)),
    ];
    this.#head.replaceChildren(
      h('div', { class: 'panel-title' }, h('span', { class: 'tag mono' }, request.method),
        h('h2', { title: `${request.path}${request.query ? `?${request.query}` : ''}` }, readable(request.path), query),
        h('span', { class: `tag ${status.look}` }, status.text), this.#tools()),
      h('div', { class: 'meta' }, parts));
  }

  /** @param {Detail} detail */
  #draw(detail) {
    this.#detail = detail;
    this.#drawHead(detail);
    // Its room is kept, so that nothing moves when it comes.
    this.#verdict.hidden = detail.trace_id === null || !this.#unfolded;
    this.#verdict.textContent = 'Reading the trace\u2026';
    this.#body.replaceChildren(this.#verdict, this.#phases(detail), this.#facts(detail), this.#headers(detail), this.#traceBox(detail));
    this.#drawFoot(detail);
  }

  /** First of all. @param {Verdict | null} verdict of the trace */
  #tell(verdict) {
    this.#verdict.hidden = verdict === null;
    if (!verdict) return;
    this.#show = verdict.show;
    this.#said.replaceChildren(...verdict.say, ' ');
    // The button stays: somebody may be about to press it.
    if (!this.#verdict.contains(this.#lead)) this.#verdict.replaceChildren(this.#said, this.#lead);
  }

  /** Shows the span to blame. */
  #blame() {
    if (!this.#unfolded) /** @type {HTMLElement | null} */ (this.#body.querySelector('.fold'))?.click();
    this.#body.querySelector('.trace-box')?.scrollIntoView({ block: 'start' });
    this.#show();
  }

  /** @param {Detail} detail */
  #phases(detail) {
    const total = Math.max(1, detail.dur_us);
    const failed = detail.status >= 500 || detail.status === 0;
    const lines = phasesOf(detail).filter((phase) => phase.length > 0).flatMap((phase) => {
      const bar = h('i', { class: phase.by === 'app' && failed ? 'err' : phase.by });
      bar.style.marginLeft = `${(phase.start / total) * 100}%`;
      bar.style.width = `max(2px, ${(phase.length / total) * 100}%)`;
      return [h('dt', null, phase.name), h('dd', { class: 'track', 'aria-hidden': 'true' }, bar), h('dd', { class: 'length' }, duration(phase.length))];
    });
    return h('section', { class: 'phases', 'aria-label': 'Where time went' }, h('dl', null, lines,
      h('dt', { class: 'sum' }, 'Total'), h('dd', { class: 'sum track' }), h('dd', { class: 'sum length' }, duration(detail.dur_us))));
  }

  /** @param {Detail} detail */
  #facts(detail) {
    const fact = (/** @type {string} */ name, /** @type {import('../../dom.js').Child} */ value, wide = '') =>
      (value ? [h('div', { class: wide }, h('dt', null, name), h('dd', null, value))] : []);
    const { status } = detail.cache;
    const cache = status || detail.why_not_cached
      ? h('span', null, status ? h('span', { class: `tag ${cacheLook(status)}` }, status.toUpperCase()) : null, ' ', detail.why_not_cached || detail.cache.reason)
      : null;
    const linked = (/** @type {string} */ name, /** @type {string | null} */ id) =>
      id ? h('a', { class: 'mono', href: this.#place.router.href(`/logs?${name}=${id}&range=all`) }, id.slice(0, 8)) : null;
    return h('section', { class: 'facts', 'aria-label': 'Facts' }, h('dl', null,
      fact('Error', detail.error ? h('span', { class: 'tag err' }, detail.error.replaceAll('_', ' ')) : statusOf(detail).says || null, 'wide'),
      fact('Cache', cache, 'wide'), fact('Route', detail.route), fact('Upstream', detail.upstream),
      fact('First byte', detail.ttfb_us === null ? null : duration(detail.ttfb_us)), fact('Client', detail.client), fact('Person', detail.person),
      fact('Session', linked('session', detail.session_id)), fact('Page view', linked('page', detail.page_id)),
      fact('Traced because', detail.trigger ? TRIGGERS[detail.trigger] ?? detail.trigger : null)));
  }

  /** @param {Detail} detail */
  #headers(detail) {
    const sets = detail.headers;
    const box = h('section', { class: 'headers', 'aria-label': 'Header fields' });
    if (!sets) {
      box.append(h('h3', null, 'Header fields'), h('p', { class: 'muted' }, awaitsHeaders(detail) ? 'They are being stored…'
        : detail.trace_id ? 'None were kept of this request: it was not traced while it ran.' : 'Kept for traced requests only. This one was not traced.'));
      return box;
    }
    const item = (/** @type {import('../../model/headers.js').Line} */ { mark, name, value }) => {
      const text = `${name}: ${value}`;
      const line = mark === 'added' ? h('ins', null, text) : mark === 'removed' ? h('del', null, text) : text;
      return h('li', { class: mark, title: text }, line);
    };
    // What was changed is what one looks for; the rest is a click away.
    const half = (/** @type {string} */ title, /** @type {string} */ note, /** @type {Fields | undefined} */ before, /** @type {Fields | undefined} */ after) => {
      const lines = difference(before ?? [], after ?? []);
      const same = lines.filter(({ mark }) => mark === 'same');
      const changed = lines.filter(({ mark }) => mark !== 'same');
      return h('div', { class: 'diff' }, h('h3', null, title, h('span', { class: 'muted' }, note)),
        lines.length === 0 ? h('p', { class: 'muted' }, 'Nothing was sent.') : null,
        changed.length > 0 ? h('ul', { class: 'mono' }, changed.map(item)) : null,
        same.length > 0 ? h('details', null, h('summary', null, `${same.length} unchanged`), h('ul', { class: 'mono' }, same.map(item))) : null);
    };
    box.append(half('To your server', 'received → forwarded', sets.received, sets.forwarded), half('To the browser', 'upstream → sent', sets.upstream, sets.sent));
    return box;
  }

  /** @param {Detail} detail */
  #traceBox(detail) {
    const { router, me } = this.#place;
    const id = detail.trace_id;
    if (!id) {
      const mayKeep = me.may.includes('keep');
      return h('section', { class: 'trace-box none', 'aria-label': 'Trace' }, h('h3', null, 'Trace'),
        h('p', { class: 'muted' }, 'Not traced. ', mayKeep ? 'While it is recent, a coarse trace can be made of its phases: press Keep.'
          : me.may.includes('trace') ? 'Start a tracing session to have what this browser asks for traced.' : ''));
    }
    const content = h('div', { class: 'trace-content', id: 'trace-content' });
    const fold = h('button', { class: 'fold', type: 'button', 'aria-expanded': String(this.#unfolded), 'aria-controls': 'trace-content' },
      icon('chevron'), h('span', { class: 'triangle', 'aria-hidden': 'true' }), 'Trace');
    const show = () => {
      content.hidden = !this.#unfolded;
      fold.setAttribute('aria-expanded', String(this.#unfolded));
      if (this.#unfolded && !content.hasChildNodes()) void this.#unfold(content, id);
    };
    fold.addEventListener('click', () => {
      this.#unfolded = !this.#unfolded;
      show();
    });
    show();
    return h('section', { class: 'trace-box', 'aria-label': 'Trace' }, h('div', { class: 'trace-head' }, fold,
      h('a', { class: 'button small', href: router.href(`/compare?b=${id}`) }, 'Compare'),
      h('a', { class: 'button small', href: router.href(`/t/${id}`) }, 'Open full page', icon('out'))), content);
  }

  /** @param {HTMLElement} content @param {string} id */
  async #unfold(content, id) {
    const { SCREENS } = await import('../../screens.js');
    if (!SCREENS['t']) return;
    await SCREENS['t'].load();
    const { api, router, live, keys } = this.#place;
    const trace = Object.assign(document.createElement('wl-trace'), { api, router, live, keys });
    trace.setAttribute('trace', id);
    trace.setAttribute('compact', '');
    content.replaceChildren(trace);
  }

  /** @param {Detail} detail */
  #drawFoot(detail) {
    const { router, me } = this.#place;
    const id = detail.trace_id;
    const main = id
      ? h('a', { class: 'button primary', href: router.href(`/t/${id}`) }, icon('bolt'), 'Trace')
      : me.may.includes('keep')
        ? h('button', { class: 'button primary', type: 'button', onclick: () => void this.#keep(detail) }, icon('keep'), 'Keep')
        : null;
    this.#foot.replaceChildren(...[
      main,
      h('button', { class: 'button', type: 'button', onclick: () => this.#copyCommand(detail) }, icon('copy'), 'Copy as cURL'),
      me.may.includes('replay') && (detail.method === 'GET' || detail.method === 'HEAD')
        ? h('button', { class: 'button', type: 'button', title: 'Send it again, traced', onclick: (/** @type {Event} */ event) => void this.#replay(detail, event.currentTarget) }, icon('replay'), 'Replay traced')
        : null,
      h('span', { class: 'push' }),
      h('button', { class: 'button', type: 'button', onclick: () => void copy(this, location.origin + router.href(`/logs/${detail.id}`), 'Link copied') }, icon('link'), 'Copy link'),
    ].filter((element) => element !== null));
  }

  /** @param {Detail} detail */
  #copyCommand(detail) {
    const { command, hidden } = curl(detail, { port: location.hostname === detail.host ? location.port : '', fields: detail.headers?.received ?? null });
    void copy(this, command, hidden.length > 0 ? `Copied as cURL, without what is hidden: ${hidden.join(', ')}` : 'Copied as cURL');
  }

  /** Sends it again, in a traced session, and leads to what came of it. @param {Detail} detail @param {unknown} button */
  async #replay(detail, button) {
    if (button instanceof HTMLButtonElement) button.disabled = true;
    try {
      /** @type {{ runs: { trace_id: string | null, status: number }[] }} */
      const { runs } = await this.#place.api.post('/replays', { request_id: detail.id });
      const [run] = runs;
      this.dispatchEvent(toast(run ? `Sent again: ${run.status}` : 'It was sent again'));
      if (run?.trace_id) this.#place.router.push(`/t/${run.trace_id}`);
    } catch (error) {
      this.dispatchEvent(toast(`Not sent again: ${error instanceof Error ? error.message : String(error)}`, 'error'));
    } finally {
      if (button instanceof HTMLButtonElement) button.disabled = false;
    }
  }

  /** @param {Detail} detail */
  async #keep(detail) {
    try {
      /** @type {{ trace_id: string }} */
      const { trace_id } = await this.#place.api.post(`/requests/${detail.id}/keep`);
      this.dispatchEvent(toast('Kept, with the coarse trace that its phases give'));
      if (this.#id === detail.id) this.#draw({ ...detail, trace_id, trigger: 'kept' });
    } catch (error) {
      this.dispatchEvent(toast(`Not kept: ${error instanceof Error ? error.message : String(error)}`, 'error'));
    }
  }
}

/** Whether its header fields may still come. @param {Detail} detail */
function awaitsHeaders(detail) {
  return !detail.headers && detail.trace_id !== null && detail.trigger !== 'kept' && Date.now() * 1000 - detail.ts_us - detail.dur_us < 30e6;
}

/** @type {Record<string, string>} */
const TRIGGERS = {
  session: 'of its session', page: 'of a page trace', force: 'of a signed header', ratio: 'of the sampling ratio', route: 'of its route\'s rule',
  kept: 'somebody kept it', tail: 'of a rule on how it ended',
};

customElements.define('wl-request', RequestPanel);

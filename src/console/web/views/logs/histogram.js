// <wl-histogram>: how many requests there were over time; traced ones and failures within each bar. Drag to look closer.

import { h, svg } from '../../dom.js';
import { clock, count, day, duration, moment } from '../../model/format.js';

/** @import { Histogram } from '../../types/wire.d.ts' */

const HEIGHT = 44;

export class HistogramView extends HTMLElement {
  /** @type {Histogram | null} */
  #data = null;
  #drawing = svg('svg', { preserveAspectRatio: 'none', role: 'img' });
  #brush = h('div', { class: 'brush', hidden: true });
  #say = h('div', { class: 'histogram-say', hidden: true });
  #left = h('span', { class: 'edge' });
  #right = h('span', { class: 'edge' });
  /** Where a drag began, as a share of the width. @type {number | null} */
  #began = null;
  /** The bars that the keyboard chose, from one to the other, both included. @type {[number, number] | null} */
  #chosen = null;

  connectedCallback() {
    this.append(h('div', { class: 'drawing' }, this.#drawing, this.#brush, this.#say), h('div', { class: 'edges', 'aria-hidden': 'true' }, this.#left, this.#right));
    this.addEventListener('pointerdown', (event) => this.#down(event));
    this.addEventListener('pointermove', (event) => this.#move(event));
    this.addEventListener('pointerup', (event) => this.#up(event));
    this.addEventListener('pointerleave', () => (this.#say.hidden = true));
    this.addEventListener('pointercancel', () => this.cancel());
    this.tabIndex = 0;
    this.setAttribute('role', 'group');
    this.setAttribute('aria-label', 'Requests over time. Arrow keys choose a part, with Shift a longer one; Enter shows it.');
    this.#say.setAttribute('aria-live', 'polite');
    this.addEventListener('keydown', (event) => this.#pressed(event));
    this.addEventListener('blur', () => {
      this.#chosen = null;
      this.cancel();
      this.#say.hidden = true;
    });
  }

  /** Ends a drag that shall do nothing. Gives whether there was one. */
  cancel() {
    const was = this.#began !== null;
    this.#began = null;
    this.#brush.hidden = true;
    return was;
  }

  /** @param {Histogram} data */
  set data(data) {
    this.#data = data;
    const { all, traced, client_errors: client, server_errors: server } = data;
    const top = Math.max(1, ...all);
    const layer = (/** @type {string} */ name, /** @type {(index: number) => [number, number]} */ span) => {
      const path = all.map((_, index) => {
        const [low, high] = span(index);
        if (high <= low) return '';
        const y = (/** @type {number} */ value) => (HEIGHT - Math.max(value > 0 ? 1.5 : 0, (value / top) * (HEIGHT - 4))).toFixed(1);
        return `M${index + 0.12} ${y(low)}H${index + 0.88}V${y(high)}H${index + 0.12}z`;
      });
      return svg('path', { d: path.join(''), class: name });
    };
    const at = (/** @type {number[]} */ list, /** @type {number} */ index) => list[index] ?? 0;
    this.#drawing.setAttribute('viewBox', `0 0 ${all.length} ${HEIGHT}`);
    const failed = (/** @type {number} */ index) => at(server, index) + at(client, index);
    this.#drawing.replaceChildren(
      layer('all', (index) => [0, at(all, index)]),
      layer('traced', (index) => [failed(index), Math.min(at(all, index), failed(index) + at(traced, index))]),
      layer('client', (index) => [at(server, index), failed(index)]),
      layer('server', (index) => [0, at(server, index)]),
    );
    const sum = (/** @type {number[]} */ list) => list.reduce((total, value) => total + value, 0);
    const until = data.from_us + data.width_us * all.length;
    this.#drawing.setAttribute('aria-label', `${count(sum(all))} requests from ${said(data, 0)} to ${said(data, all.length)}; `
      + `${count(sum(traced))} traced, ${count(sum(client))} client errors, ${count(sum(server))} server errors`);
    const edge = (/** @type {number} */ us) => (isLong(data) ? day(us) : clock(us, 0).slice(0, 5));
    this.#left.textContent = edge(data.from_us);
    this.#right.textContent = edge(until);
  }

  /** @param {PointerEvent} event */
  #share(event) {
    const box = this.#drawing.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button !== 0 || !this.#data) return;
    this.#began = this.#share(event);
    this.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const data = this.#data;
    if (!data || data.all.length === 0) return;
    const share = this.#share(event);
    const bin = Math.min(data.all.length - 1, Math.floor(share * data.all.length));
    if (this.#began === null) {
      const failures = (data.client_errors[bin] ?? 0) + (data.server_errors[bin] ?? 0);
      this.#tell(share, `${said(data, bin)} · ${count(data.all[bin] ?? 0)} in ${duration(data.width_us)}`
        + `${data.traced[bin] ? ` · ${count(data.traced[bin])} traced` : ''}${failures ? ` · ${count(failures)} failed` : ''}`);
      return;
    }
    const [low, high] = [Math.min(share, this.#began), Math.max(share, this.#began)];
    this.#brush.hidden = false;
    this.#brush.style.left = `${low * 100}%`;
    this.#brush.style.width = `${(high - low) * 100}%`;
    this.#tell(share, `${duration((high - low) * data.width_us * data.all.length)}`);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const data = this.#data;
    const last = (data?.all.length ?? 0) - 1;
    if (!data || last < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step !== undefined) {
      const [from, to] = this.#chosen ?? [last + 1, last + 1];
      const next = Math.max(0, Math.min(last, to + step));
      this.#chosen = [event.shiftKey && this.#chosen ? from : next, next];
      this.#showChosen(data);
    } else if (event.key === 'Enter' && this.#chosen) {
      const [low, high] = [Math.min(...this.#chosen), Math.max(...this.#chosen) + 1];
      this.#chosen = null;
      this.cancel();
      this.#choose(data.from_us + low * data.width_us, data.from_us + high * data.width_us);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {Histogram} data */
  #showChosen(data) {
    if (!this.#chosen) return;
    const [low, high] = [Math.min(...this.#chosen), Math.max(...this.#chosen) + 1];
    const sum = data.all.slice(low, high).reduce((all, value) => all + value, 0);
    this.#brush.hidden = false;
    this.#brush.style.left = `${(low / data.all.length) * 100}%`;
    this.#brush.style.width = `${((high - low) / data.all.length) * 100}%`;
    this.#tell(low / data.all.length, `${said(data, low)}, ${duration((high - low) * data.width_us)}: ${count(sum)}`);
  }

  /** @param {number} from @param {number} to */
  #choose(from, to) {
    this.dispatchEvent(new CustomEvent('wl-range', { detail: { from: Math.round(from), to: Math.round(to) } }));
  }

  /** @param {number} share @param {string} text */
  #tell(share, text) {
    this.#say.hidden = false;
    this.#say.textContent = text;
    this.#say.style.left = `${share * 100}%`;
    this.#say.classList.toggle('left', share > 0.7);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const data = this.#data;
    const began = this.#began;
    this.cancel();
    if (began === null || !data) return;
    const box = this.#drawing.getBoundingClientRect();
    const share = this.#share(event);
    if (Math.abs(share - began) * box.width <= 4) return;
    const at = (/** @type {number} */ part) => Math.round(data.from_us + part * data.width_us * data.all.length);
    this.#choose(at(Math.min(share, began)), at(Math.max(share, began)));
  }
}

/** Whether a time of the day alone does not say which day. @param {Histogram} data */
function isLong({ all, width_us }) {
  return width_us * all.length > 80_000e6;
}

/** When a bar begins. @param {Histogram} data @param {number} bin */
function said(data, bin) {
  const at = data.from_us + bin * data.width_us;
  return isLong(data) ? moment(at) : clock(at, 0);
}

customElements.define('wl-histogram', HistogramView);

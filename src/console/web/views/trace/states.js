// When there is no trace to show: why, and what can be done. Never a blank page.

import { h, sheet } from '../../dom.js';

await Promise.all([sheet('styles/trace.css'), sheet('styles/share.css')]).catch(() => undefined);

/** @typedef {{ title: string, text: string, code?: string | null, actions: { label: string, act: () => void, primary?: boolean }[], tone?: string, raw?: string | null }} State */

/** @param {State} state @param {'h1' | 'h2'} heading */
export function statePage({ title, text, code, actions, tone = '', raw }, heading) {
  return h('div', { class: 'tr-nothing', role: tone === 'err' ? 'alert' : 'status' },
    drawing(tone),
    h(heading, null, title),
    h('p', null, text),
    code && h('pre', null, code),
    h('div', { class: 'row' }, ...actions.map(({ label, act, primary }) =>
      h('button', { class: `button${primary ? ' primary' : ''}`, type: 'button', onclick: act }, label))),
    raw && h('details', null, h('summary', null, 'What the server told'), h('pre', { class: 'tr-raw', tabIndex: 0 }, raw)));
}

/** @param {string} tone */
function drawing(tone) {
  const bars = [[8, 34], [20, 48], [56, 30]].map(([left, width], index) => {
    const bar = h('i', { class: tone === 'err' && index === 2 ? 'err' : '' });
    bar.style.left = `${left}px`;
    bar.style.width = `${width}px`;
    bar.style.top = `${6 + index * 14}px`;
    return bar;
  });
  return h('div', { class: 'tr-drawing', 'aria-hidden': 'true' }, ...bars);
}

/**
 * @param {{ status: number, message: string }} problem
 * @param {{ again: () => void, logs: () => void }} does
 * @returns {State}
 */
export function problemState({ status, message }, { again, logs }) {
  const toLogs = { label: 'To the logs', act: logs };
  const retry = { label: 'Try again', act: again, primary: true };
  switch (status) {
    case 0:
      return { title: 'No connection', text: 'Waylight does not answer. This page asks again as soon as it does.', tone: 'err', actions: [retry, toLogs] };
    case 400:
      return { title: 'This is no trace', text: 'A trace id has 32 hexadecimal digits. The link may have been cut short.', actions: [toLogs] };
    case 401:
      return { title: 'Your sign-in has ended', text: 'Sign in again with a new link; this address then opens the same trace.', code: 'waylight link', actions: [retry] };
    case 403:
      return { title: 'You may not see this', text: 'Your role does not allow it. Whoever runs this site can give you another one, or share the trace as a file.', actions: [toLogs] };
    case 404:
      return {
        title: 'This trace is not here',
        text: 'It has expired, was erased, or never was: traces and their requests are kept as long as the retention says.',
        actions: [toLogs, { label: 'Look again', act: again }],
      };
    case 503:
      return { title: 'Nothing is kept here', text: message, actions: [retry, toLogs] };
    default:
      return { title: 'The trace could not be read', text: message, tone: 'err', actions: [retry, toLogs] };
  }
}

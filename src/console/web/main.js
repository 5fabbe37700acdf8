// The console: what all screens share, and which one is open.

import { Api, Problem } from './api.js';
import { h } from './dom.js';
import { Keys } from './keys.js';
import { Live } from './live.js';
import { Router } from './router.js';
import { SCREENS } from './screens.js';
import { Shell } from './shell.js';
import './elements/toasts.js';

/** @import { Opened, Place } from './model/contract.js' */
/** @import { Me } from './types/wire.d.ts' */
/** @import { Toasts } from './elements/toasts.js' */

const api = new Api();
const router = new Router();
const live = new Live(api);
const keys = new Keys();
const main = /** @type {HTMLElement} */ (document.getElementById('main'));
const toasts = /** @type {Toasts} */ (document.querySelector('wl-toasts'));
/** @type {Promise<Me>} */
const me = api.get('/me');
const shell = new Shell({ api, router, live, keys, me });

/** What is open: a screen by its name, and the path it was opened with. @type {{ name: string, path: string, opened: Opened } | null} */
let open = null;
/** The last opening; one that was overtaken shows nothing. */
let turn = 0;

async function show() {
  const [name = '', ...rest] = router.path.split('/').filter(Boolean);
  if (name === '') return router.put('/logs');
  const screen = SCREENS[name];
  shell.mark(name);
  if (open?.name === name && open.opened.moved) return open.opened.moved(rest);
  if (open?.name === name && open.path === router.path) return;
  turn += 1;
  const mine = turn;
  open?.opened.close();
  open = null;
  if (!screen) return state('There is no such screen', 'The address may be mistyped.', ['Logs', '/logs']);
  try {
    document.title = `${screen.title} · Waylight`;
    api.ahead(screen.ahead?.(rest) ?? null);
    const [module, who] = await Promise.all([screen.load(), me]);
    if (mine !== turn) return;
    const fresh = h('div', { class: `screen ${name}` });
    main.replaceChildren(fresh);
    /** @type {Place} */
    const place = {
      main: fresh, api, router, live, keys, me: who, rest,
      toast: (text, kind) => toasts.show(text, kind),
      title: (title) => void (document.title = `${title} · Waylight`),
    };
    const opened = await module.open(place);
    if (mine !== turn) return opened.close();
    open = { name, path: router.path, opened };
    // What was pressed went with its screen: whoever goes on by keyboard goes on in the new one.
    if (mine > 1 && document.activeElement === document.body) main.focus({ preventScroll: true });
  } catch (error) {
    if (mine === turn) failed(error);
  }
}

/** @param {unknown} error */
function failed(error) {
  if (error instanceof Problem) {
    if (error.status === 401) return signedOut();
    return state(error.status === 403 ? 'Your role does not allow this' : 'This cannot be shown now', error.message);
  }
  // A module of another version is gone: the page itself is asked for anew, once.
  if (error instanceof TypeError && /import|module/i.test(error.message) && !sessionStorage.getItem('waylight.reloaded')) {
    sessionStorage.setItem('waylight.reloaded', 'yes');
    return location.reload();
  }
  state('This screen failed', error instanceof Error ? error.message : String(error));
  throw error;
}

/**
 * A screen that says one thing.
 * @param {string} title
 * @param {string} text
 * @param {[string, string]} [link]
 */
function state(title, text, link) {
  main.replaceChildren(h('div', { class: 'state-page' }, h('h1', null, title), h('p', null, text),
    h('div', { class: 'row' }, link
      ? h('a', { class: 'button', href: router.href(link[1]) }, link[0])
      : h('button', { class: 'button', type: 'button', onclick: () => location.reload() }, 'Try again'))));
}

function signedOut() {
  main.replaceChildren(h('div', { class: 'state-page' }, h('h1', null, 'Your sign-in has ended'),
    h('p', null, 'Get a new link from whoever runs this site, or make one yourself:'), h('pre', null, 'waylight link'),
    h('div', { class: 'row' }, h('button', { class: 'button', type: 'button', onclick: () => location.reload() }, 'Try again'))));
}

router.listen(show);
void show().then(() => sessionStorage.removeItem('waylight.reloaded'));

// What the toolbar's commands do, loaded with the first of them; and what is told of runs and of the quota.

/** @typedef {'start' | 'stop' | 'restart' | 'page' | 'fresh'} Action */
/** @typedef {{ act(action: Action, runs?: number): unknown, arm(): unknown, several(times: number[]): void, quota(): void }} Doing */

/** @param {any} bar what `toolbar.js` has made @returns {Doing} */
export function commands(bar) {
  const { fetch, state, el, pressed, link, time, local, perTab } = bar;
  const { location } = window;

  /** @param {Action} action @param {number} [runs] */
  async function act(action, runs = 1) {
    if (!state.token || bar.phase === 'reloading') return;
    if (action !== 'stop' && state.quota === 'full') return quota();
    const phase = bar.phase, session = state.session?.id;
    const loads = action === 'page' || action === 'fresh';
    if (loads) perTab.set(bar.RUN, JSON.stringify({ path: location.pathname, left: runs - 1, times: [] }));
    if (action !== 'stop') bar.phase = 'reloading';
    bar.dismiss();
    bar.paint();
    const path = location.pathname + location.search;
    const command = () => location.assign(`${bar.OURS}command?do=${action}&to=${encodeURIComponent(path)}&token=${state.token}`);
    if (!bar.mayAsk()) return command();
    try {
      const answer = loads ? await bar.ask('page-trace', { path, runs, cache: action === 'fresh' ? 'bypass' : 'default' }) : await bar.ask('session', { action });
      if (!loads || action === 'fresh') local.set(bar.SESSION, loads ? '' : answer?.session?.id ?? '');
      if (action !== 'stop') return location.reload();
      state.session = undefined;
      bar.toast('ok', 'Tracing session stopped', 'What it recorded is kept.', session ? [link('View session traces', bar.sessionPath(session))] : []);
    } catch (error) {
      perTab.set(bar.RUN, null);
      if (bar.phase === 'reloading') bar.phase = phase;
      failed(/** @type {Error} */ (error), () => act(action, runs), command);
    }
    bar.paint();
  }

  /** The next click or key is recorded, with all that it sets off. */
  async function arm() {
    bar.dismiss();
    if (state.quota === 'full') return quota();
    const phase = bar.phase;
    try {
      const { browser } = await bar.ask('page-trace', { arm: 'interaction' });
      await (await import('./agent/arm.js')).arm({ told: browser, done: (trace) => {
        bar.phase = phase;
        if (trace) bar.follow(trace);
        else bar.paint();
      } });
      bar.phase = 'armed';
    } catch (error) {
      bar.phase = phase;
      failed(/** @type {Error} */ (error), arm, () => {});
    }
    bar.paint();
  }

  /** @param {Error} error @param {() => void} again @param {() => void} command */
  function failed(error, again, command) {
    // The page put something else in place of `fetch`, and that does not work.
    if (!error?.name || !/\[native code\]/.test(Function.prototype.toString.call(fetch))) return command();
    if (bar.phase === 'expired') return bar.toast('bad', 'You are signed out', 'Sign in again, then reload this page.');
    const isOffline = error.name === 'TypeError';
    if (isOffline) bar.phase = 'offline';
    const retry = () => { bar.phase = ''; again(); };
    bar.toast('bad', isOffline ? 'Waylight cannot be reached' : 'That did not work', isOffline ? 'Nothing was changed.' : error.message, [pressed(el('button', null, 'Try again'), null, retry)]);
  }

  function quota() {
    const day = new Date(state.resets * 1000).toLocaleDateString(undefined, { day: 'numeric', month: 'long' });
    bar.toast('bad', 'Monthly span limit reached', `Pages work as before; tracing starts again on ${day}.`, [link('See the quota', 'settings')]);
  }

  /** What several runs of a page tell together. @param {number[]} times */
  function several(times) {
    times.sort((a, b) => a - b);
    /** @param {number} share */
    const at = (share) => time(times[Math.ceil(times.length * share) - 1] ?? times[0] ?? 0);
    const text = `First byte: half of them within ${at(0.5)}, all within ${at(1)}, the fastest ${at(0)}.`;
    bar.toast('ok', `${times.length} runs of this page`, text, [link('View last trace', bar.tracePath(state.trace))]);
  }

  return { act, arm, several, quota };
}

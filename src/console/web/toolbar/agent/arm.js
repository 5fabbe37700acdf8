// "Arm next interaction": the next thing that is done on a page becomes a trace, with all that it sets off. On a page that is
// not traced the agent is loaded for it, and records nothing else; what was wrapped of the page is given back after it.

/** @import { Running } from './main.js' */
/** @typedef {{ told: { trace: string, upload: string }, done(trace: string | null): void }} Wish */

const ARMED_MS = 55_000, LEFT_MS = 500, ACTS = ['click', 'keydown'];

/** Records the next thing that is done on this page. @param {Wish} wish */
export async function arm({ told, done }) {
  const place = /** @type {any} */ (document), key = Symbol.for('waylight.agent');
  if (!place[key]) await import(/** @type {string} */ ('./patch.js'));
  /** @type {Running} */
  const { agent, actOf, selector, interaction, later, flush } = await place[key];
  // Nothing else is recorded here, or not any more.
  const isAlone = !(agent.isOn && agent.told?.trace);
  (agent.told ??= {}).upload = told.upload;
  agent.wrap();
  agent.isOn = true;

  /** Nothing of it is left. @param {string | null} trace */
  const over = (trace) => {
    if (isAlone) agent.unwrap();
    done(trace);
  };
  const off = () => { stop(); for (const name of ACTS) window.removeEventListener(name, act, true); };
  const stop = later(() => { off(); over(null); }, ARMED_MS);

  /** @param {Event} event */
  function act(event) {
    try {
      const { target, type, timeStamp } = event, what = actOf(type);
      if (!event.isTrusted || /** @type {any} */ (target)?.localName === 'waylight-toolbar' || /^(Shift|Control|Alt|Meta)$/.test(/** @type {any} */ (event).key)) return;
      off();
      agent.begin('interaction', told.trace, timeStamp);
      const { root } = agent;
      if (!root) return;
      /** @type {any} */ let slow;
      root.act = {
        op: `ui.action.${what}`, name: `${what} ${selector(target)}`,
        saw(entry) {
          if (entry.interactionId && !root.idle?.isOver && Math.abs(entry.startTime - root.start) < 2_000 && !(slow?.duration >= entry.duration)) slow = entry;
        },
        over() {
          if (slow) interaction(slow, root);
          later(() => { flush(true); over(told.trace); }, LEFT_MS);
        },
      };
    } catch { /* nothing of it is the page's */ }
  }
  for (const name of ACTS) window.addEventListener(name, act, true);
}

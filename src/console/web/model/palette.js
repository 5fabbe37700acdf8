// What the palette offers for what somebody typed.

import { wholeId } from './find.js';

/** @typedef {{ label: string, hint?: string, keys?: string, run: () => void, jump?: (id: string) => (() => void) | null }} Command */

const SHOWN_MAX = 12;

/**
 * The commands that a text chooses: those first whose name begins with it, then those that hold its letters in order. A
 * whole id goes to what it names.
 * @param {Command[]} commands
 * @param {string} text
 * @returns {Command[]}
 */
export function matches(commands, text) {
  const wanted = text.trim().toLowerCase();
  const id = wholeId(wanted);
  if (id) {
    return commands.flatMap((command) => {
      const run = command.jump?.(id);
      return run ? [{ label: command.label, hint: id.slice(0, 8), run }] : [];
    });
  }
  return commands
    .filter((command) => !command.jump)
    .map((command) => ({ command, rank: rank(command.label.toLowerCase(), wanted) }))
    .filter(({ rank }) => rank < 4)
    .sort((a, b) => a.rank - b.rank)
    .slice(0, SHOWN_MAX)
    .map(({ command }) => command);
}

/**
 * @param {string} label
 * @param {string} wanted
 */
function rank(label, wanted) {
  if (label.startsWith(wanted)) return 0;
  if (label.includes(` ${wanted}`)) return 1;
  if (label.includes(wanted)) return 2;
  let at = 0;
  for (const letter of wanted) {
    at = label.indexOf(letter, at) + 1;
    if (at === 0) return 4;
  }
  return 3;
}

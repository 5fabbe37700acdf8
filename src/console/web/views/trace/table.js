// The same spans as a plain table: for screen readers, for copying, and for whoever prefers figures.

import { h, sheet } from '../../dom.js';
import { dialog } from '../../elements/dialog.js';
import { duration } from '../../model/format.js';
import { CAT_WORDS, FLAG } from '../../model/trace/columns.js';
import { cut } from '../../model/trace/words.js';
import { title } from './rows.js';

await sheet('styles/share.css').catch(() => undefined);

/** @import { Board } from './board.js' */

/** Rows of one page of the table. */
const PAGE = 200;

/** @param {Board} board @param {(row: number) => void} choose */
export function openTable(board, choose) {
  const { trace } = board;
  const rows = board.rows.filter((row) => row >= 0);
  const body = h('tbody');
  const more = h('button', { class: 'button', type: 'button' }, `Show ${PAGE} more`);
  let shown = 0;
  const fill = () => {
    for (const row of rows.subarray(shown, shown + PAGE)) {
      body.append(h('tr', null,
        h('td', null, trace.at(trace.depth, row) + 1),
        h('th', { scope: 'row' }, h('button', { class: 'link-button', type: 'button', onclick: () => (close(), choose(row)) },
          h('bdi', null, cut(title(trace, row), 200)))),
        h('td', null, CAT_WORDS[trace.at(trace.cat, row)] ?? ''),
        h('td', null, h('bdi', null, trace.service(row))),
        h('td', { class: 'num' }, duration(trace.at(trace.start, row))),
        h('td', { class: 'num' }, duration(trace.duration(row))),
        h('td', { class: 'num' }, duration(trace.at(trace.own, row))),
        h('td', null, trace.has(row, FLAG.DERIVED) ? trace.note(row) : trace.failed(row) ? `failed ${trace.tag(row)}` : trace.tag(row))));
    }
    shown += PAGE;
    more.hidden = shown >= rows.length;
  };
  fill();
  more.addEventListener('click', fill);
  const heads = ['Level', 'Span', 'Kind', 'Service', 'Starts at', 'Duration', 'Own time', 'Outcome'];
  const close = dialog({ title: `${rows.filter((row) => !trace.has(row, FLAG.DERIVED)).length} spans as a table`, class: 'tr-table-dialog' },
    h('div', { class: 'tr-table', tabIndex: 0, role: 'region', 'aria-label': 'Spans' },
      h('table', null, h('thead', null, h('tr', null, ...heads.map((text) => h('th', { scope: 'col' }, text)))), body), more));
}

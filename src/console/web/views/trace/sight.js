// What is scrolled in the viewer: a tall space in which only what is in sight, and a little more, stands in the document.

import { h } from '../../dom.js';
import { visible } from '../../model/window.js';

/** @import { Board } from './board.js' */

/** Room below the last, for what floats there. */
const BELOW = 56;

export class Sight {
  /**
   * @param {Board} board
   * @param {{ scroll: HTMLElement, height: number, prefix: string }} parts `height` of one, `prefix` of ids in the document
   */
  constructor(board, { scroll, height, prefix }) {
    this.board = board;
    this.scroll = scroll;
    this.height = height;
    this.prefix = prefix;
    this.space = h('div', { class: 'tr-space', role: 'none' });
    scroll.append(this.space);
  }

  /** Makes room for so many. @param {number} count */
  fit(count) {
    this.space.style.height = `${count * this.height + BELOW}px`;
  }

  /** Which of so many are in sight, with some ahead on either side. @param {number} count @param {number} ahead */
  inSight(count, ahead) {
    return visible({ top: this.scroll.scrollTop, height: this.scroll.clientHeight, row: this.height, count, ahead });
  }

  /** Says by its id which one is chosen: what assistive technology speaks of. @param {string | null} id */
  tell(id) {
    if (id === null) this.scroll.removeAttribute('aria-activedescendant');
    else this.scroll.setAttribute('aria-activedescendant', `${this.prefix}${id}`);
  }

  /** Scrolls as little as is needed to see a place, and the one beside it. @param {number} place */
  reach(place) {
    if (place < 0) return;
    const { scroll, height } = this;
    const top = place * height;
    const last = top - scroll.clientHeight + 2 * height;
    if (top - height < scroll.scrollTop) scroll.scrollTop = Math.max(0, top - height);
    else if (last > scroll.scrollTop) scroll.scrollTop = last;
    // In low windows the viewer scrolls as well.
    const viewer = scroll.closest('.tr');
    if (viewer && viewer.scrollHeight > viewer.clientHeight) scroll.scrollIntoView({ block: 'nearest' });
  }
}

// The toolbar of a page, seen as a person sees it. Its shadow root is closed, so it is reached by the browser's debugger.

import assert from 'node:assert/strict';

/** @import { CDPSession, Page } from 'playwright-core' */
/** @typedef {{ text: string, kinds: string, x: number, y: number, width: number, height: number }} Part */

const TAG = 'waylight-toolbar';

export class Toolbar {
  /** @type {CDPSession | undefined} */ #session;

  /** @param {Page} page */
  constructor(page) {
    this.page = page;
  }

  /** Whether the page has one. */
  exists() {
    return this.page.evaluate((tag) => document.querySelectorAll(tag).length, TAG);
  }

  /** Whether it is on top of the page, and shown. */
  async isShown() {
    return (await this.part('.pill')) !== undefined;
  }

  /** Whether its panel is loaded, shown or not. */
  async isLoaded() {
    return (await this.#inside(`function () { return this.querySelector('dialog') !== null; }`)) === true;
  }

  /** What is written on the pill. */
  async pill() {
    return (await this.part('.pill'))?.text ?? '';
  }

  /** What the toast says. */
  async toast() {
    return (await this.part('.toast'))?.text ?? '';
  }

  /**
   * The first element of the toolbar that fits, and is shown.
   * @param {string} selector
   * @param {string} [text] that is written in it
   * @returns {Promise<Part | undefined>}
   */
  async part(selector, text = '') {
    return await this.#inside(
      `function (selector, text) {
        const fits = (each) => each.textContent.includes(text) && each.checkVisibility();
        const found = [...this.querySelectorAll(selector)].find(fits);
        if (!found) return undefined;
        const { x, y, width, height } = found.getBoundingClientRect();
        return { text: found.innerText.replace(/\\s+/g, ' ').trim(), kinds: found.className, x, y, width, height };
      }`,
      selector,
      text,
    );
  }

  /**
   * How an element of the toolbar is drawn: the computed values of these properties.
   * @param {string} selector
   * @param {...string} names
   * @returns {Promise<string[]>}
   */
  async style(selector, ...names) {
    return (await this.#inside(`function (selector, ...names) { const style = getComputedStyle(this.querySelector(selector)); return names.map((name) => style.getPropertyValue(name)); }`, selector, ...names)) ?? [];
  }

  /** The entries of the menu. */
  async entries() {
    /** @type {string[]} */
    const texts = (await this.#inside(`function () { return [...this.querySelectorAll('li span')].map((each) => each.textContent); }`)) ?? [];
    return texts;
  }

  /**
   * Where a link in the toolbar leads.
   * @param {string} text
   */
  async link(text) {
    /** @type {string | undefined} */
    const href = await this.#inside(`function (text) { return [...this.querySelectorAll('a')].find((each) => each.textContent.includes(text))?.href; }`, text);
    const { origin, pathname, search } = new URL(href ?? '', this.page.url());
    return origin === new URL(this.page.url()).origin ? pathname + search : href;
  }

  /**
   * Clicks, with the mouse, where it is.
   * @param {string} selector
   * @param {string} [text]
   */
  async click(selector, text) {
    const part = await this.until(`${selector} ${text ?? ''}`, () => this.part(selector, text));
    await this.page.mouse.click(part.x + part.width / 2, part.y + part.height / 2);
  }

  /** Opens the menu. */
  async open() {
    await this.click('.pill button');
    await this.until('the menu', () => this.part('.panel li'));
  }

  /**
   * Chooses from the menu, which is opened for it.
   * @param {string} text
   */
  async choose(text) {
    if (!(await this.part('.panel li'))) await this.open();
    await this.click('li > *', text);
  }

  /**
   * What `look` finds, as soon as it finds something.
   * @template T
   * @param {string} what
   * @param {() => Promise<T | undefined | false | ''>} look
   * @returns {Promise<T>}
   */
  async until(what, look) {
    const end = Date.now() + 20_000;
    for (;;) {
      const found = await look().catch(() => undefined);
      if (found) return found;
      if (Date.now() > end) {
        const [pill, toast] = await Promise.all([this.pill(), this.toast()]).catch(() => []);
        assert.fail(`waited in vain for ${what}; the pill says ${JSON.stringify(pill)}, the toast ${JSON.stringify(toast)}`);
      }
      // The next frame, or the next page.
      await this.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve))).catch(() => this.page.waitForLoadState());
    }
  }

  /**
   * Runs a function on the shadow root.
   * @param {string} functionDeclaration
   * @param {...string} values
   * @returns {Promise<any>}
   */
  async #inside(functionDeclaration, ...values) {
    this.#session ??= await this.page.context().newCDPSession(this.page);
    const session = this.#session;
    const { result } = await session.send('Runtime.evaluate', { expression: `document.querySelector('${TAG}')` });
    if (!result.objectId) return undefined;
    const { node } = await session.send('DOM.describeNode', { objectId: result.objectId, depth: 1, pierce: true });
    const [root] = node.shadowRoots ?? [];
    if (!root) return undefined;
    const { object } = await session.send('DOM.resolveNode', { backendNodeId: root.backendNodeId });
    const answer = await session.send('Runtime.callFunctionOn', {
      functionDeclaration, objectId: object.objectId ?? '', arguments: values.map((value) => ({ value })), returnByValue: true,
    });
    return answer.result.value;
  }
}

// Waiting for what happens, with a bound: a test that fails says what it waited for and what there was instead.

const DEADLINE_MS = 30_000;

/** A list that grows, and that can be waited upon. @template T */
export class Inbox {
  /** @param {(item: T) => string} describe */
  constructor(describe = String) {
    /** @type {T[]} */
    this.items = [];
    this.describe = describe;
    /** @type {Set<() => void>} */
    this.waiters = new Set();
  }

  /** @param {T[]} items */
  push(...items) {
    this.items.push(...items);
    this.wake();
  }

  /** Has everybody who waits look again. */
  wake() {
    for (const look of [...this.waiters]) look();
  }

  /**
   * Resolves with the first truthy answer of `look`, asked now and after each arrival.
   * @template R
   * @param {string} what
   * @param {(items: T[]) => R} look
   * @returns {Promise<NonNullable<R>>}
   */
  until(what, look) {
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        this.waiters.delete(wake);
      };
      const wake = () => {
        try {
          const found = look(this.items);
          if (!found) return;
          settle();
          resolve(found);
        } catch (error) {
          settle();
          reject(error);
        }
      };
      const timer = setTimeout(() => {
        settle();
        const seen = this.items.map((item) => `  ${this.describe(item)}`).join('\n');
        reject(new Error(`waited in vain for ${what}; seen so far:\n${seen || '  nothing'}`));
      }, DEADLINE_MS);
      this.waiters.add(wake);
      wake();
    });
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {string} what
 * @param {number} [deadlineMs]
 * @returns {Promise<T>}
 */
export function within(promise, what, deadlineMs = DEADLINE_MS) {
  /** @type {NodeJS.Timeout} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), deadlineMs);
  });
  return Promise.race([promise, /** @type {Promise<never>} */ (late)]).finally(() => clearTimeout(timer));
}

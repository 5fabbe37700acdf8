// Spans as a tree, and what must hold of every tree.

import assert from 'node:assert/strict';

/** @import { Span } from './otlp.js' */

/** How far two clocks of one machine may seem apart. */
const SKEW_NS = 2_000_000n;

export class Trace {
  /** @param {Span[]} spans of one trace id */
  constructor(spans) {
    this.spans = spans;
    this.id = /** @type {Span} */ (spans[0]).traceId;
    this.byId = new Map(spans.map((span) => [span.spanId, span]));
  }

  /** Spans whose parent is not in the trace. */
  get roots() {
    return this.spans.filter((span) => !this.byId.has(span.parentSpanId));
  }

  /** Whether every span hangs below a root of the edge or of a page, so that no parent of theirs is still on its way. */
  get complete() {
    return this.roots.every((span) => isEdgeRoot(span) || (span.service === 'browser' && !span.parentSpanId));
  }

  get root() {
    const roots = this.roots;
    assert.equal(roots.length, 1, `one root expected:\n${this.describe()}`);
    return /** @type {Span} */ (roots[0]);
  }

  /** @param {Span} span */
  children(span) {
    return this.spans
      .filter((other) => other.parentSpanId === span.spanId)
      .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  }

  /** @param {Span} span @returns {Span | undefined} */
  parent(span) {
    return this.byId.get(span.parentSpanId);
  }

  /** @param {string | RegExp | ((span: Span) => boolean)} which */
  find(which) {
    return this.spans.find((span) => matches(span, which));
  }

  /** @param {string | RegExp | ((span: Span) => boolean)} which @returns {Span} */
  the(which) {
    const span = this.find(which);
    assert.ok(span, `no span ${which} in\n${this.describe()}`);
    return span;
  }

  /** @param {Span} span @param {Span} ancestor */
  isBelow(span, ancestor) {
    for (let up = this.parent(span); up; up = this.parent(up)) if (up === ancestor) return true;
    return false;
  }

  /** The tree as text, for messages. */
  describe() {
    /** @type {string[]} */
    const lines = [`trace ${this.id}`];
    const walk = (/** @type {Span} */ span, /** @type {string} */ indent) => {
      lines.push(`${indent}${describeSpan(span)}`);
      for (const child of this.children(span)) walk(child, `${indent}  `);
    };
    for (const root of this.roots) walk(root, '  ');
    return lines.join('\n');
  }

  /**
   * Ids are unique, and children lie within their parents. What a page does later hangs under it, though it had come to
   * rest.
   */
  assertSound() {
    assert.equal(this.byId.size, this.spans.length, `a span id stands twice:\n${this.describe()}`);
    for (const span of this.spans) {
      const parent = this.parent(span);
      if (!parent) continue;
      const skew = span.service === parent.service ? 0n : SKEW_NS;
      assert.ok(span.start + skew >= parent.start, `${span.name} starts before ${parent.name}:\n${this.describe()}`);
      if (isEdgeRoot(span) || span.service === 'browser') continue;
      assert.ok(span.end <= parent.end + skew, `${span.name} ends after ${parent.name}:\n${this.describe()}`);
    }
  }
}

/**
 * @param {Span[]} spans
 * @returns {Trace[]}
 */
export function tracesOf(spans) {
  /** @type {Map<string, Span[]>} */
  const byTrace = new Map();
  for (const span of spans) {
    const list = byTrace.get(span.traceId);
    if (list) list.push(span);
    else byTrace.set(span.traceId, [span]);
  }
  return [...byTrace.values()].map((list) => new Trace(list));
}

/** Whether this is the edge's own span of a whole request. @param {Span} span */
export function isEdgeRoot(span) {
  return span.attributes['waylight.stage'] === 'request';
}

/** @param {Span} span */
export function describeSpan(span) {
  const path = span.attributes['url.path'] ?? '';
  return `${span.service} · ${span.name} ${path} (${span.scope}, kind ${span.kind}, ${span.end - span.start} ns)`;
}

/**
 * @param {Span} span
 * @param {string | RegExp | ((span: Span) => boolean)} which
 */
function matches(span, which) {
  if (typeof which === 'function') return which(span);
  return typeof which === 'string' ? span.name === which : which.test(span.name);
}

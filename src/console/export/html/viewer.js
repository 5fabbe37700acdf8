"use strict";
// Shows the trace that stands in this file. All of its text becomes text nodes.

/**
 * A span, as html.rs writes it.
 * @typedef {{
 *   depth: number, name: string, service: string, maker: string, start: number, length: number, took: string, own: string,
 *   failed: boolean, critical: boolean, message: string, id: string, attributes: Record<string, unknown>,
 *   events: { name: string, attributes: Record<string, unknown> }[],
 * }} Span
 * @typedef {{
 *   id: string, at: string, whole: number, took: string, verdict: string | null, repeated: string[], spans: Span[],
 * }} Trace
 */

(() => {
  /**
   * An element of this page.
   * @param {string} id
   */
  const there = (id) => {
    const element = document.getElementById(id);
    if (!element) throw new Error(`this file has no ${id}`);
    return element;
  };
  /** @type {Trace} */
  const trace = JSON.parse(there("trace").textContent ?? "");
  const view = there("view");
  const HEIGHT = 24;
  /**
   * @param {string} tag
   * @param {unknown} [text]
   * @param {string} [name] its class
   */
  const make = (tag, text, name) => {
    const element = document.createElement(tag);
    if (text !== undefined && text !== null) element.textContent = String(text);
    if (name) element.className = name;
    return element;
  };
  const head = make("header");
  head.append(make("h1", trace.spans[0]?.name ?? "An empty trace"));
  if (trace.verdict) head.append(make("p", trace.verdict));
  for (const line of trace.repeated) head.append(make("p", line));
  head.append(make("p", `${trace.id}, ${trace.at}, ${trace.took}, ${trace.spans.length} spans`, "dim"));
  const rows = make("div");
  rows.id = "rows";
  rows.tabIndex = 0;
  rows.setAttribute("role", "tree");
  rows.setAttribute("aria-label", "Spans");
  const space = make("div");
  space.style.height = `${trace.spans.length * HEIGHT}px`;
  rows.append(space);
  const details = make("section");
  details.id = "details";
  details.setAttribute("aria-live", "polite");
  view.append(head, rows, details);

  let selected = 0;
  const whole = Math.max(trace.whole, 1);
  /**
   * @param {Span} span
   * @param {number} index
   */
  const row = (span, index) => {
    const line = make("div", undefined, `row ${span.maker}`);
    line.classList.toggle("failed", span.failed);
    line.classList.toggle("critical", span.critical);
    line.id = `row-${index}`;
    line.style.top = `${index * HEIGHT}px`;
    line.setAttribute("role", "treeitem");
    line.setAttribute("aria-level", String(span.depth + 1));
    line.setAttribute("aria-selected", String(index === selected));
    line.setAttribute(
      "aria-label",
      `${span.name}, ${span.took}, ${span.service}${span.failed ? ", failed" : ""}${span.critical ? ", on critical path" : ""}`,
    );
    const name = make("span", span.maker === "edge" ? span.name : `${span.name}  ${span.service}`, "name");
    name.style.paddingInlineStart = `${Math.min(span.depth, 20) * 14}px`;
    const lane = make("span", undefined, "lane");
    const bar = make("span", undefined, "bar");
    bar.style.left = `${(span.start / whole) * 100}%`;
    bar.style.width = `${(Math.min(span.length, whole - span.start) / whole) * 100}%`;
    lane.append(bar);
    line.append(name, make("span", span.took, "took"), lane);
    line.addEventListener("click", () => select(index));
    return line;
  };
  // Only what is seen stands in the document: a long trace stays quick.
  const draw = () => {
    const first = Math.max(0, Math.floor(rows.scrollTop / HEIGHT) - 4);
    const last = Math.min(trace.spans.length, first + Math.ceil(rows.clientHeight / HEIGHT) + 8);
    space.replaceChildren(...trace.spans.slice(first, last).map((span, at) => row(span, first + at)));
    rows.setAttribute("aria-activedescendant", `row-${selected}`);
  };
  /** @param {Record<string, unknown>} pairs */
  const list = (pairs) => {
    const terms = make("dl");
    for (const [key, value] of Object.entries(pairs)) {
      terms.append(make("dt", key), make("dd", typeof value === "object" ? JSON.stringify(value) : value));
    }
    return terms;
  };
  /** @param {number} index */
  const select = (index) => {
    const span = trace.spans[index];
    if (!span) return;
    selected = index;
    const top = index * HEIGHT;
    if (top < rows.scrollTop) rows.scrollTop = top;
    if (top + HEIGHT > rows.scrollTop + rows.clientHeight) rows.scrollTop = top + HEIGHT - rows.clientHeight;
    draw();
    details.replaceChildren(make("h1", span.name));
    details.append(make("p", `${span.took}, of it ${span.own} its own; ${span.service}; span ${span.id}`, "dim"));
    if (span.message) details.append(make("p", span.message));
    details.append(list(span.attributes));
    for (const event of span.events) details.append(make("p", event.name), list(event.attributes));
  };
  rows.addEventListener("scroll", draw);
  addEventListener("resize", draw);
  rows.addEventListener("keydown", (event) => {
    /** @type {Record<string, number>} */
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20, Home: -selected, End: trace.spans.length };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    select(Math.max(0, Math.min(trace.spans.length - 1, selected + step)));
  });
  draw();
  select(0);
})();

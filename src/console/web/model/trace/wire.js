// What `GET traces/{id}` answers, as types. Nothing here runs.

/**
 * @typedef {object} Wire
 * @property {string} trace_id
 * @property {number} start_us Microseconds since the Unix epoch; all other times count from here.
 * @property {'open' | 'partial' | 'done'} state
 * @property {string[]} waiting_for
 * @property {string | null} entry
 * @property {Clock | null} clock The browser's.
 * @property {Clock[]} clocks
 * @property {Verdict | null} verdict
 * @property {[string, number, number][]} critical Span, from, length.
 * @property {Repeat[]} repeats
 * @property {{ span: string, mend: string | null }[]} holes
 * @property {Vital[]} vitals
 * @property {[number, number, number][]} events Row, time, name.
 * @property {string[]} strings
 * @property {WireSpans} spans
 */

/**
 * @typedef {object} WireSpans
 * @property {string[]} id
 * @property {(string | null)[]} parent
 * @property {number[]} name
 * @property {number[]} kind
 * @property {number[]} svc
 * @property {number[]} stage
 * @property {number[]} note
 * @property {number[]} tag
 * @property {number[]} start_us
 * @property {number[]} dur_us
 * @property {number[]} own_us
 * @property {number[]} status
 * @property {number[]} flags
 */

/** @typedef {{ svc: string, maker: string, instance: string, offset_us: number, err_us: number, samples: number, contradictions: number }} Clock */
/** @typedef {{ kind: string, svc: string | null, us: number }} Part */
/** @typedef {{ sentence: string, total_us: number, parts: Part[] }} Verdict */
/** @typedef {{ parent: string, first: string, name: string, count: number, total_us: number, query: boolean }} Repeat */
/** @typedef {{ name: string, at_us?: number, value?: number, rating?: string }} Vital */

/**
 * All that is known of one span.
 * @typedef {object} SpanDetail
 * @property {string} id
 * @property {string} name
 * @property {number} kind
 * @property {number} start_us
 * @property {number} dur_us
 * @property {{ code: number, message: string }} status
 * @property {Record<string, unknown>} attributes
 * @property {number} dropped_attributes
 * @property {{ name: string, ts_us: number, attributes: Record<string, unknown> }[]} events
 * @property {{ trace_id: string, span_id: string, attributes: Record<string, unknown> }[]} links
 * @property {Record<string, unknown>} resource
 * @property {{ name: string, version: string, attributes: Record<string, unknown> } | null} scope
 */

/**
 * A request as the Logs list it.
 * @typedef {object} RequestItem
 * @property {string} id
 * @property {number} ts_us
 * @property {string} method
 * @property {string} path
 * @property {string} query
 * @property {string} host
 * @property {number} status
 * @property {{ status: string, reason: string }} cache
 * @property {string} route
 * @property {number} dur_us
 * @property {number | null} ttfb_us
 * @property {number} bytes
 * @property {string | null} session_id
 * @property {string | null} trace_id
 * @property {string | null} page_id
 * @property {string} person
 * @property {string} destination
 */

export {};

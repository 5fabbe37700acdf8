// What the screens and elements of the console are given, as types. Nothing here runs.
//
// A screen is a module that `screens.js` names, loaded when its address is first opened. It exports `open(place)`, which
// fills `place.main` and gives back what ends it. Elements that stand in more than one screen are custom elements; they
// are given what they need as properties before they are put into the document:
//
//     <wl-trace trace="ID">           views/trace/trace-view.js; `compact`: the accordion in the panel of the Logs
//     <wl-compare a="ID" b="ID">      views/trace/compare-view.js
//
// with the properties `api`, `router`, `live` and `keys` of the types below. An element that is told nothing of `live`
// or `keys` works without them.
//
// The page's policy lets no text become markup or code: elements are made by `dom.js`, and there are no workers.

/**
 * The API, `docs/openapi.json`. Paths are those of its description, as in `/traces/${id}`.
 * @typedef {object} Api
 * @property {ApiState} state
 * @property {<T>(path: string, options?: ReadOptions) => Promise<T>} get JSON; a failure is a `Problem` (api.js)
 * @property {(path: string, tag: string, query?: Query) => Promise<{ value: unknown, tag: string } | null>} renew what is there, and its tag; null if
 *   it is what was given this tag
 * @property {<T>(path: string, body?: unknown, options?: WriteOptions) => Promise<T>} post
 * @property {<T>(path: string, body?: unknown, options?: WriteOptions) => Promise<T>} patch
 * @property {<T>(path: string, options?: WriteOptions) => Promise<T>} delete
 * @property {(path: string, options?: WriteOptions & { body?: unknown }) => Promise<Response>} file what is not JSON, as `?format=otlp`;
 *   posted where there is a body
 * @property {(path: string, query?: Query) => string} url the address itself, for links to files
 * @property {(listener: (state: ApiState) => void) => () => void} watch told of each change of `state`; gives what ends it
 */
/** @typedef {'online' | 'offline' | 'signed-out'} ApiState */
/** @typedef {Record<string, string | number | null | undefined>} Query what is null, undefined or empty is left out */
/** @typedef {{ query?: Query, signal?: AbortSignal }} ReadOptions */
/** @typedef {{ query?: Query, signal?: AbortSignal }} WriteOptions */

/**
 * The address, which holds everything that is shown: path below `/_waylight` and parameters.
 * @typedef {object} Router
 * @property {string} path as in `/t/4bf92f3577b34da6a3ce929d0e0e4736`
 * @property {Readonly<Record<string, string | undefined>>} query
 * @property {string} logs the Logs as they were last looked at: the way back to them
 * @property {(params: Record<string, string | null>) => void} replace changes these parameters, keeps the others and the
 *   path; null takes one away. No new entry of the history. Listeners are told.
 * @property {(path: string) => void} push goes to another address, as in `/t/…?span=…`; a new entry of the history
 * @property {(path: string) => void} put another address in the place of this one
 * @property {(listener: () => void) => () => void} listen told after each change; gives what ends it
 * @property {(path: string) => string} href the whole address of a path, for links
 */

/**
 * What happens now. All tabs of the console share one stream.
 * @typedef {object} Live
 * @property {LiveState} state
 * @property {(topics: string[], listener: LiveListener) => () => void} follow topics: `requests`, `quota`, `trace:ID`;
 *   gives what ends it
 * @property {(listener: (state: LiveState) => void) => () => void} watch
 */
/** @typedef {'closed' | 'connecting' | 'open'} LiveState */
/**
 * One event of `/stream`: `request`, `request.patch`, `trace.spans`, `trace.state`, `quota`, or `gap`, after which
 * something is missing and is to be asked for again. Events of other tabs' topics come along and are to be passed over.
 * @typedef {{ number: number, name: string, data: any }} LiveEvent
 */
/** @typedef {(events: LiveEvent[]) => void} LiveListener in batches */

/**
 * The keyboard. While somebody types, only Escape and chords with Ctrl or Cmd count.
 * @typedef {object} Keys
 * @property {(bindings: Binding[]) => () => void} add gives what takes them away; a later binding of a key wins
 * @property {boolean} letters whether single letters count
 * @property {(close: () => void) => () => void} escape what Escape does next, topmost first; gives what takes it away
 */
/**
 * @typedef {object} Binding
 * @property {string | string[]} keys as `KeyboardEvent.key` names them (`j`, `ArrowDown`, `?`), `mod+k`, `shift+ArrowUp`
 * @property {string} label what it does, for the help
 * @property {string} group where the help lists it
 * @property {(event: KeyboardEvent) => void | boolean | Promise<void>} run `false`: not for me, the next one may have it
 */

/**
 * What a screen is opened with.
 * @typedef {object} Place
 * @property {HTMLElement} main
 * @property {Api} api
 * @property {Router} router
 * @property {Live} live
 * @property {Keys} keys
 * @property {import('../types/wire.d.ts').Me} me
 * @property {string[]} rest parts of the path after the screen's own: of `/t/ID`, `[ID]`
 * @property {(text: string, kind?: ToastKind) => void} toast
 * @property {(title: string) => void} title
 */
/** @typedef {'status' | 'error'} ToastKind */
/**
 * An open screen. `moved` is told when the address changed and the screen stayed; without it the screen is opened anew
 * when its path changes.
 * @typedef {{ close: () => void, moved?: (rest: string[]) => void }} Opened
 */
/** @typedef {{ open: (place: Place) => Opened | Promise<Opened> }} Screen */

/** Any element may ask for a toast: `dispatchEvent(toast('Copied'))`. @typedef {CustomEvent<{ text: string, kind: ToastKind }>} ToastEvent */

export {};

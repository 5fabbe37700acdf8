// Every screen, by the first part of its address. Each is loaded when it is first opened; what takes longest to come is
// asked for meanwhile.

/** @import { Screen } from './model/contract.js' */

/** @type {Record<string, { title: string, load: () => Promise<Screen>, ahead?: (rest: string[]) => string }>} */
export const SCREENS = {
  logs: { title: 'Logs', load: () => import('./views/logs/logs.js') },
  t: { title: 'Trace', load: () => import('./views/trace/screen.js'), ahead: ([id = '']) => `/traces/${id}` },
  compare: { title: 'Compare', load: () => import('./views/compare/compare.js') },
  sessions: { title: 'Sessions', load: () => import('./views/sessions/sessions.js') },
  settings: { title: 'Settings', load: () => import('./views/settings/settings.js') },
};

// Where the site is, for somebody who looks at the console elsewhere: on the admin listener, or on a host of its own.

import { setting, tables } from './toml.js';

/**
 * The address of the first listener of a configuration; `here`, if that is where a listener is.
 * @param {string} config as `/settings` writes it
 * @param {{ origin: string, port: string }} here
 */
export function siteAddress(config, here) {
  const listeners = tables(config).filter(({ name }) => name === 'listener')
    .map((table) => ({ address: setting([table], 'listener', 'address'), tls: setting([table], 'listener', 'tls') }));
  const port = (/** @type {string} */ address) => address.slice(address.lastIndexOf(':') + 1);
  const { address = '', tls = '' } = listeners[0] ?? {};
  // A port that is chosen at start stands as 0.
  if (address === '' || listeners.some(({ address: other }) => ['0', here.port].includes(port(other)))) return here.origin;
  const host = address.slice(0, -port(address).length - 1).replace(/^(0\.0\.0\.0|\[::\])$/, 'localhost');
  const isUsual = port(address) === (tls === 'true' ? '443' : '80');
  return `${tls === 'true' ? 'https' : 'http'}://${host}${isUsual ? '' : `:${port(address)}`}`;
}

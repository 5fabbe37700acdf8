// The real curl, as the documentation uses it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { readAll } from './net.js';

/**
 * @param {string[]} args
 * @returns {Promise<{ status: number, headers: Map<string, string>, text: string }>}
 */
export async function curl(...args) {
  const child = spawn('curl', ['--silent', '--show-error', '--include', '--max-time', '20', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  const output = (await readAll(child.stdout)).toString();
  const [code] = await closed;
  if (code !== 0) throw new Error(`curl ${args.join(' ')} exited with ${code}`);
  const end = output.indexOf('\r\n\r\n');
  const [first = '', ...lines] = output.slice(0, end).split('\r\n');
  const headers = lines.map((line) => /** @type {[string, string]} */ ([
    line.slice(0, line.indexOf(':')).toLowerCase(),
    line.slice(line.indexOf(':') + 1).trim(),
  ]));
  return { status: Number(first.split(' ')[1]), headers: new Map(headers), text: output.slice(end + 4) };
}

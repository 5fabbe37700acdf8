// The real binary as a child process: started, listened to, stopped.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

import { Inbox, within } from './events.js';

const ROOT = resolve(import.meta.dirname, '../../..');

/** The binary under test: `WAYLIGHT_BIN`, else the debug build of this tree. */
export const BINARY = process.env['WAYLIGHT_BIN'] ?? join(ROOT, 'target/debug/waylight');

export class Waylight {
  /**
   * Runs `waylight` with these arguments in a directory of its own, or in one that another left.
   * @param {string[]} args
   * @param {{ files?: Record<string, string>, env?: NodeJS.ProcessEnv, directory?: string }} [options]
   */
  static async spawn(args, { files = {}, env = {}, directory: left } = {}) {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} is not there; run \`cargo build\` or set WAYLIGHT_BIN`);
    const directory = left ?? (await mkdtemp(join(tmpdir(), 'waylight-e2e-')));
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
    const child = spawn(BINARY, args, {
      cwd: directory,
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new Waylight(child, directory);
  }

  /**
   * The demo, ready for requests.
   * @param {string[]} [args]
   * @param {{ env?: NodeJS.ProcessEnv }} [options]
   */
  static async demo(args = [], options = {}) {
    const waylight = await Waylight.spawn(['demo', '--listen', '127.0.0.1:0', ...args], options);
    const link = await waylight.matchLine('a sign-in link', /(https?:\/\/[^\s/]+\/_waylight\/[\w/?=&.~%-]+)/);
    waylight.signInLink = link[1] ?? '';
    waylight.origin = new URL(waylight.signInLink).origin;
    return waylight;
  }

  /**
   * An instance with this configuration, ready for requests.
   * @param {string} toml
   * @param {{ env?: NodeJS.ProcessEnv, directory?: string }} [options]
   */
  static async run(toml, options = {}) {
    const waylight = await Waylight.spawn(['--config', 'proxy.toml'], { files: { 'proxy.toml': toml }, ...options });
    const address = await waylight.matchLine('the address', /listening.*?(127\.0\.0\.1:\d+)/);
    await waylight.matchLine('it to be ready', /\bready\b.*version/);
    waylight.origin = `http://${address[1]}`;
    return waylight;
  }

  /**
   * @param {import('node:child_process').ChildProcessByStdio<null, import('node:stream').Readable, import('node:stream').Readable>} child
   * @param {string} directory
   */
  constructor(child, directory) {
    this.child = child;
    this.directory = directory;
    this.origin = '';
    this.signInLink = '';
    /** Everything it said, both streams. @type {Inbox<string>} */
    this.lines = new Inbox();
    /** Everything it logged. @type {string[]} */
    this.log = [];
    createInterface({ input: child.stdout }).on('line', (line) => this.lines.push(line));
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.log.push(line);
      this.lines.push(line);
    });
    /** @type {Promise<number | null>} */
    this.exited = once(child, 'close').then(([code]) => code);
    void this.exited.then((code) => this.lines.push(`(exit ${code})`));
  }

  /**
   * @param {string} what
   * @param {RegExp} pattern
   * @returns {Promise<RegExpMatchArray>}
   */
  matchLine(what, pattern) {
    return this.lines.until(what, (lines) => {
      for (const line of lines) {
        const match = line.match(pattern);
        if (match) return match;
      }
      if (this.child.exitCode !== null) throw new Error(`exited with ${this.child.exitCode}:\n${lines.join('\n')}`);
      return undefined;
    });
  }

  /** A new sign-in link of this running instance, by `waylight link`. @param {string[]} options */
  async link(...options) {
    const said = await this.#ask('link', ...options);
    const url = said.match(/https?:\/\/\S+/)?.[0];
    if (!url) throw new Error(`waylight link printed no link: ${said}`);
    return url;
  }

  /**
   * A header that has one request traced, by `waylight force`.
   * @param {string} url
   */
  async forceHeader(url) {
    const said = await this.#ask('force', url);
    return said.trim();
  }

  /**
   * Runs a command beside the running instance; gives what it says on its standard output.
   * @param {string[]} args
   */
  async #ask(...args) {
    const asking = spawn(BINARY, [...args, '--config', 'proxy.toml'], {
      cwd: this.directory,
      env: { ...process.env, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    asking.stdout.on('data', (chunk) => (output.stdout += chunk));
    asking.stderr.on('data', (chunk) => (output.stderr += chunk));
    const [code] = await within(once(asking, 'close'), `waylight ${args[0]}`);
    if (code !== 0) throw new Error(`waylight ${args[0]} exited with ${code}: ${output.stderr}`);
    return output.stdout;
  }

  /**
   * Asks it to stop, as an operator does; resolves when all is flushed and it is gone.
   * @param {'keep'} [directory] for another that goes on where this one ended
   */
  async stop(directory) {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM');
    const code = await within(this.exited, 'waylight to stop', 20_000).catch((error) => {
      this.child.kill('SIGKILL');
      throw new Error(`${error.message}\n${this.lines.items.slice(-20).join('\n')}`);
    });
    if (directory !== 'keep') await rm(this.directory, { recursive: true, force: true });
    return code;
  }
}

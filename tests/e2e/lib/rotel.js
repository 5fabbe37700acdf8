// Rotel from PyPI: an OpenTelemetry collector that somebody else wrote. It takes what Waylight sends and passes it on to
// our own receiver, where it can be read.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

import { Inbox, within } from './events.js';
import { freePort } from './net.js';

const VENV = resolve(import.meta.dirname, '../../../.venv');

function agent() {
  const lib = join(VENV, 'lib');
  const python = readdirSync(lib).find((name) => name.startsWith('python3'));
  if (!python) throw new Error(`no Python in ${lib}; run \`make prepare\``);
  return join(lib, python, 'site-packages/rotel/rotel-agent');
}

export class Rotel {
  /** @param {string} target the base URL of an OTLP/HTTP receiver */
  static async start(target) {
    const rotel = new Rotel(await freePort(), await freePort(), target);
    await rotel.lines.until('rotel to start', (lines) => lines.some((line) => line.includes('Starting Rotel')));
    await rotel.#reachable();
    return rotel;
  }

  /**
   * @param {number} grpcPort
   * @param {number} httpPort
   * @param {string} target
   */
  constructor(grpcPort, httpPort, target) {
    this.grpcUrl = `http://127.0.0.1:${grpcPort}`;
    this.httpUrl = `http://127.0.0.1:${httpPort}/v1/traces`;
    /** @type {Inbox<string>} */
    this.lines = new Inbox();
    this.child = spawn(
      agent(),
      [
        'start',
        '--otlp-grpc-endpoint', `127.0.0.1:${grpcPort}`,
        '--otlp-http-endpoint', `127.0.0.1:${httpPort}`,
        '--exporter', 'otlp',
        '--otlp-exporter-endpoint', target,
        '--otlp-exporter-protocol', 'http',
        '--disable-batching',
      ],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, RUST_LOG: 'info' } },
    );
    for (const stream of [this.child.stdout, this.child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.lines.push(line));
    }
    this.exited = once(this.child, 'close');
  }

  /** It says that it starts before it listens. */
  async #reachable() {
    const port = Number(new URL(this.httpUrl).port);
    const deadline = Date.now() + 10_000;
    for (;;) {
      const socket = connect(port, '127.0.0.1');
      try {
        await once(socket, 'connect');
        return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
      } finally {
        socket.destroy();
      }
    }
  }

  async stop() {
    this.child.kill('SIGTERM');
    await within(this.exited, 'rotel to stop').catch(() => this.child.kill('SIGKILL'));
  }
}

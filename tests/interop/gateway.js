// A papergate of its own for each test: its port, and what it logged.
'use strict';

const { spawn } = require('node:child_process');
const readline = require('node:readline');

const PROGRAM = process.env.PAPERGATE;
const MARKET = process.env.PAPERGATE_MARKET;

class Gateway {
  // Starts papergate with `flags` on a free port; resolves when it listens.
  static async start(...flags) {
    const gateway = new Gateway();
    await gateway.listen(['--market', MARKET, '--port', '0', ...flags]);
    return gateway;
  }

  listen(args) {
    this.events = [];
    this.waiting = [];
    this.process = spawn(PROGRAM, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    readline.createInterface({ input: this.process.stdout }).on('line', (line) => {
      this.events.push(JSON.parse(line));
      this.waiting.forEach((check) => check());
    });
    return this.logged('listening').then((event) => {
      this.port = event.port;
    });
  }

  // Resolves with the first logged event of this name, now or later.
  logged(name) {
    return new Promise((resolve) => {
      const check = () => {
        const found = this.events.find((event) => event.event === name);
        if (found) resolve(found);
      };
      this.waiting.push(check);
      check();
    });
  }

  // Ends papergate; resolves with its exit code.
  stop() {
    return new Promise((resolve) => {
      this.process.on('exit', resolve);
      this.process.kill('SIGTERM');
    });
  }
}

module.exports = { Gateway, MARKET };

/** The demo as a new user runs it, with Prometheus and Alertmanager where they are installed. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { ROOT } from './child.ts';

const DEMO_TIMEOUT_MS = 170_000;

it('npm run demo -- --once ends well with a confirmed report that its probes bear out', async () => {
  const args = [join(ROOT, 'dist/src/main.js'), 'demo', '--once', '--lang', 'en'];
  // Rejects when the exit code is not 0.
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    timeout: DEMO_TIMEOUT_MS,
    maxBuffer: 16 * 1024 * 1024,
  });
  const head = stdout.slice(0, stdout.indexOf('Timeline'));
  expect(head).toContain('Confirmed');
  expect(head).toContain('connection pool');
  expect(stdout).toContain('db-pool-exhausted');
  // Three kinds of evidence or more.
  expect(stdout).toMatch(/Evidence that agrees: \w+(?: \+ \w+){2,} \(/);
  expect(stdout).toMatch(/Observed \$\.activeConnections = (\d+), \$\.maxPoolSize = \1\b/);
  expect(stdout).toContain('Where the time went');
});

/** `taproot silence` against a running API. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { runCli } from '../../src/cli/cli.ts';
import { type Harness, startHarness } from '../api/harness.ts';

let api: Harness;
let out: string;
let err: string;

beforeEach(async () => {
  api = await startHarness();
  out = '';
  err = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
});

afterEach(async () => {
  vi.restoreAllMocks();
  await api.stop();
});

const run = (...args: readonly string[]) => runCli(['silence', ...args, '--url', api.url]);

const ADDED = [
  ...['--service', 'bot-*', '--match', 'kind=error', '--match', 'bot=a=b'],
  ...['--from', '2030-01-01T00:00:00Z', '--for', '90m', '--comment', '升级', '--by', 'li'],
];

describe('taproot silence', () => {
  test('add, list and remove', async () => {
    expect(await run('add', ...ADDED)).toBe(0);
    const line =
      /^([0-9a-f]{16}) {2}pending {2}2030-01-01T00:00:00.000Z … 2030-01-01T01:30:00.000Z {2}service=bot-\* kind=error bot=a=b {2}\(升级, li\)\n$/;
    const [, id = ''] = line.exec(out) ?? [];
    expect(id, out).not.toBe('');
    out = '';
    expect(await run('list')).toBe(0);
    expect(out).toMatch(line);
    expect(await run('remove', id)).toBe(0);
    out = '';
    expect(await run('list', '--expired')).toBe(0);
    expect(out).toBe('no silences\n');
  });

  test('--json prints what the API answers', async () => {
    await run('add', ...ADDED, '--json');
    expect(JSON.parse(out)).toMatchObject({ status: 'pending', createdBy: 'li' });
  });

  test.each([
    ['no end', ['add', '--service', 'bot'], 2, /--for 2h/],
    ['no unit', ['add', '--service', 'bot', '--for', '2'], 2, /--for 2h/],
    ['nothing named', ['add', '--for', '2h'], 2, /names nothing/],
    ['an unknown field', ['add', '--match', 'host=a', '--for', '2h'], 2, /host|matchers/],
    ['an unknown silence', ['remove', '0123456789abcdef'], 3, /Cannot find silence/],
  ])('refuses %s', async (_, args, exitCode, says) => {
    expect(await run(...args)).toBe(exitCode);
    expect(err).toMatch(says);
  });
});

import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadDataKey } from '../../src/pipeline/data-key.ts';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'taproot-key-'));
});

afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

describe('loadDataKey()', () => {
  it('makes a key once, for its owner alone, in a folder that it makes', () => {
    const folder = join(dataDir, 'new');
    const key = loadDataKey(folder, 'user-id');
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(loadDataKey(folder, 'user-id')).toBe(key);
    expect(statSync(join(folder, 'user-id.key')).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['user-id.key']);
    expect(loadDataKey(folder, 'request')).not.toBe(key);
  });

  it.each([
    { caption: 'an empty file', text: '' },
    { caption: 'half a key', text: '0123456789abcdef' },
    { caption: 'something else', text: 'x'.repeat(64) },
  ])('refuses $caption instead of hashing with it', ({ text }) => {
    writeFileSync(join(dataDir, 'user-id.key'), text);
    expect(() => loadDataKey(dataDir, 'user-id')).toThrow(
      expect.objectContaining({ code: 'store.corrupt' }),
    );
  });

  it('says that the folder cannot be used', () => {
    const file = join(dataDir, 'file');
    writeFileSync(file, '');
    expect(() => loadDataKey(join(file, 'data'), 'user-id')).toThrow(
      expect.objectContaining({ code: 'store.unavailable' }),
    );
  });
});

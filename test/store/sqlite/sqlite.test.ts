/** What errors of SQLite and of the file system mean to the caller. */
import { describe, expect, it } from 'vitest';
import { attempt } from '../../../src/store/sqlite/sqlite.ts';

function failWith(code: string): void {
  attempt('write', () => {
    throw Object.assign(new Error('no'), { code });
  });
}

describe('attempt()', () => {
  it.each([
    ['SQLITE_FULL', 'store.unavailable'],
    ['SQLITE_IOERR_FSYNC', 'store.unavailable'],
    ['ENOSPC', 'store.unavailable'],
    ['EDQUOT', 'store.unavailable'],
    ['ESTALE', 'store.unavailable'],
    ['SQLITE_CORRUPT', 'store.corrupt'],
    ['SQLITE_CONSTRAINT', 'store.rejected'],
    ['EISDIR', 'store.rejected'],
  ])('takes %s for %s', (code, meaning) => {
    expect(() => failWith(code)).toThrow(
      expect.objectContaining({ code: meaning, message: `Cannot write: no (${code})` }),
    );
  });
});

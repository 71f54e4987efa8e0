/** The fault switch: defaults, overrides, and a message that names what is wrong. */
import { describe, expect, test, vi } from 'vitest';
import { FAULTS, FaultBoard } from '../../examples/node-bot/src/faults.ts';

describe('FaultBoard', () => {
  test('every fault is off at first', () => {
    const board = new FaultBoard();
    expect(board.list().filter((fault) => fault.enabled)).toEqual([]);
    expect(board.list()).toHaveLength(Object.keys(FAULTS).length);
  });

  test('set() takes defaults for what is not given and tells its listeners', () => {
    const board = new FaultBoard();
    const listener = vi.fn();
    board.onChange(listener);
    board.set({ name: 'db_pool_hold', enabled: true, params: { max: 2 } });
    expect(board.active('db_pool_hold')).toEqual({ max: 2, hold_ms: 1000 });
    expect(listener).toHaveBeenCalledTimes(1);
    board.set({ name: 'db_pool_hold', enabled: false });
    expect(board.active('db_pool_hold')).toBeUndefined();
    expect(listener).toHaveBeenCalledTimes(2);
  });

  const REFUSED: readonly (readonly [caption: string, body: unknown, message: RegExp])[] = [
    ['no object', 'db_pool_hold', /JSON object/],
    ['null', null, /JSON object/],
    [
      'unknown name',
      { name: 'db_pool', enabled: true },
      /Unknown fault "db_pool"; known: db_pool_/,
    ],
    ['inherited name', { name: 'toString', enabled: true }, /Unknown fault/],
    ['enabled as text', { name: 'kb_slow', enabled: 'yes' }, /"enabled" must be/],
    [
      'unknown parameter',
      { name: 'kb_slow', params: { msec: 1 } },
      /no parameter "msec".*takes: ms/,
    ],
    ['parameter as text', { name: 'kb_slow', params: { ms: '5' } }, /"ms" must be a number/],
    ['negative', { name: 'kb_slow', params: { ms: -1 } }, /from 0 to/],
    ['too large', { name: 'kb_slow', params: { ms: 1e9 } }, /from 0 to/],
    ['params as list', { name: 'kb_slow', params: [] }, /"params" must be/],
  ];
  test.each(REFUSED)('set() refuses %s', (_, body, message) => {
    const board = new FaultBoard();
    expect(() => board.set(body)).toThrow(message);
    expect(board.list().some((fault) => fault.enabled)).toBe(false);
  });
});

/** Marks of stages reach whoever watches, and nobody else pays. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, expect, test } from 'vitest';
import { markStage, STAGE_CHANNEL } from '../../src/base/stages.ts';

const seen: unknown[] = [];
const watch = (stage: unknown) => {
  seen.push(stage);
};

afterEach(() => {
  unsubscribe(STAGE_CHANNEL, watch);
});

test('markStage() tells a subscriber the stage, at once and in order', () => {
  markStage('accept');
  subscribe(STAGE_CHANNEL, watch);
  markStage('group');
  markStage('commit');
  expect(seen).toEqual(['group', 'commit']);
  unsubscribe(STAGE_CHANNEL, watch);
  markStage('committed');
  expect(seen).toEqual(['group', 'commit']);
});

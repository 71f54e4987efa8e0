/** A span carries what its ancestors say, but not who they are. */
import { describe, expect, it } from 'vitest';
import { carriedAttributeOf } from '../../src/model/attribute-scope.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { buildSpanTable } from '../build/span-table.ts';

const common = { trace: '1', service: 'a', operation: 'b', durationUs: 1 };
const table = buildSpanTable(new StringDictionary(), [
  {
    ...common,
    id: 'root',
    startUs: 0,
    attributes: { 'tenant.id': 't1', 'k8s.pod.name': 'p1', 'user.tier': 'gold' },
  },
  { ...common, id: 'query', parent: 'root', startUs: 1, attributes: { 'user.tier': 'free' } },
]);

describe('carriedAttributeOf()', () => {
  it('finds the own value first, then that of the nearest ancestor', () => {
    expect(carriedAttributeOf(table, 1, 'user.tier')).toBe('free');
    expect(carriedAttributeOf(table, 1, 'tenant.id')).toBe('t1');
  });

  it("leaves an ancestor's resource to the ancestor", () => {
    expect(carriedAttributeOf(table, 0, 'k8s.pod.name')).toBe('p1');
    expect(carriedAttributeOf(table, 1, 'k8s.pod.name')).toBeUndefined();
  });

  it('finds nothing where nobody has it', () => {
    expect(carriedAttributeOf(table, 1, 'region')).toBeUndefined();
  });
});

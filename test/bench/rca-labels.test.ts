import { describe, expect, it } from 'vitest';
import { parseLabels } from '../../src/bench/rca-labels.ts';

function parseOne(label: object) {
  return parseLabels(JSON.stringify({ cases: { one: label } }))[0];
}

describe('parseLabels()', () => {
  it('reads a service with a resource at fault; its pod is as right', () => {
    const label = { system: 's', tier: 'full', service: 'a', pod: 'a-1', cause: { kind: 'cpu' } };
    expect(parseOne({ ...label, fault_type: 'cpu_consumed' })).toEqual({
      caseId: 'one',
      services: ['a', 'a-1'],
      cause: { kinds: ['cpu'], region: undefined },
      group: 's full',
      system: 's',
      faultType: 'cpu_consumed',
    });
  });

  it('reads a region of code', () => {
    const label = { service: 'a', cause: { kind: 'code', from: 'x', to: 'y' } };
    expect(parseOne(label)?.cause).toEqual({ kinds: ['code'], region: { from: 'x', to: 'y' } });
  });

  it('reads a node without an inner cause', () => {
    expect(parseOne({ service: 'node' })).toMatchObject({ services: ['node'], cause: undefined });
  });

  it('reads the service among required facts', () => {
    const required = [
      { id: 'operation', operation: ['GET /'] },
      { id: 'service', service: ['a', 'b'] },
    ];
    expect(parseOne({ scenario: 'x', required })).toMatchObject({
      services: ['a', 'b'],
      group: 'x',
    });
  });

  it('reads a case without a fault', () => {
    expect(parseOne({ service: null, fault_type: 'none' })?.services).toEqual([]);
  });

  it.each([
    ['no JSON', '{', 'not JSON'],
    ['no cases', '{}', '"cases" is missing'],
    ['a case that is text', '{"cases": {"one": "x"}}', 'case "one"'],
  ])('rejects %s', (_, text, says) => {
    expect(() => parseLabels(text)).toThrow(says);
  });
});

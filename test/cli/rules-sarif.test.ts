/** Findings about rules as SARIF: what viewers need to show them at their file. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sarifOf } from '../../src/cli/rules-sarif.ts';

const place = { dir: join('/repo', 'my rules'), baseDir: '/repo', version: '1.2.3' };

it('sarifOf() gives each finding its rule, level and place from the root of the checkout', () => {
  const log = sarifOf(
    [
      { severity: 'warning', file: 'llm/weak.yaml', message: 'no probe' },
      { severity: 'error', file: 'llm/a%b.yaml', message: 'no id' },
    ],
    place,
  );
  expect(log).toMatchObject({
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            version: '1.2.3',
            rules: [{ id: 'rule.invalid' }, { id: 'rule.weak' }],
          },
        },
        results: [
          {
            ...{ ruleId: 'rule.weak', ruleIndex: 1, level: 'warning' },
            message: { text: 'no probe' },
            locations: [
              { physicalLocation: { artifactLocation: { uri: 'my%20rules/llm/weak.yaml' } } },
            ],
          },
          {
            ...{ ruleId: 'rule.invalid', ruleIndex: 0, level: 'error' },
            locations: [
              { physicalLocation: { artifactLocation: { uri: 'my%20rules/llm/a%25b.yaml' } } },
            ],
          },
        ],
      },
    ],
  });
});

it('sarifOf() of nothing wrong is a run without results, which clears earlier ones', () => {
  expect(sarifOf([], place)).toMatchObject({ runs: [{ results: [] }] });
});

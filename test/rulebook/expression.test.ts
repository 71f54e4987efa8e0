import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAppError } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import {
  parseExpectation,
  parseFilter,
  parseTest,
  partsOf,
  thresholdsOf,
} from '../../src/rulebook/expression.ts';
import { evaluate, type Value } from '../../src/rulebook/value.ts';

const GOOD_TESTS: readonly string[] = [
  'count(span) > 0',
  "p95(db.client.connection.wait_time) > 0.6 * p95(span.duration where coze.infra='db')",
  'max(db.client.connection.pending_requests | hikaricp_connections_pending) > 0',
  'body ~ /waiting for connection|timeout exceeded/i',
  "p50(span.self where infra = 'db') > 3 * baseline(p50(span.self where infra = 'db'))",
  "share(trace where is_error of stage = 'plugin') >= thresholds.share_min + 5 %",
  'fisher(trace where is_anomalous) < 0.01 and not (others(share(trace where is_error)) > 0.5)',
  "mean(queue.depth where state in ('used', 'active')) - 1 >= -2 / 4",
  'count(span where http.response.status_code in [429, 503] or error.type ~ /rate.?limit/i) > 0',
  'first(p95(a.b), reference(p95(a.b)), 0) < 1.5 s',
  "count(change where kind in ('deploy')) > 0 or rate(log where severity >= 17) > 1e-3",
  'count(span where `x-coze-bot-id` exists and parent.is_timeout and span.overrun > 50ms) > 0',
  'p99(callee.duration) > max(root.duration)',
];

const BAD_TESTS: readonly (readonly [caption: string, text: string, part: RegExp])[] = [
  ['empty', '', /expected a value, found the end/],
  ['open parenthesis', '(count(span) > 0', /expected "\)", found the end/],
  ['two expressions', 'count(span) > 0 1', /expected the end, found "1"/],
  ['unknown function', 'median(span.self) > 0', /unknown "median"/],
  ['bare name', 'hikaricp_connections > 0', /unknown "hikaricp_connections"/],
  ['p95 of nothing', 'p95(span) > 0', /such as span\.duration/],
  ['share without where', 'share(span) > 0', /expected where/],
  ['share of a metric', 'share(cpu.usage where a = 1) > 0', /span, trace or log/],
  ['reference in a reference', 'reference(reference(count(span))) > 0', /holds another period/],
  ['regex that is none', 'body ~ "text"', /expected a regular expression/],
  ['regex that does not parse', 'body ~ /(/', /Cannot parse regular expression/],
  ['look-behind, which is not linear', 'body ~ /(?<=a)b/', /Cannot parse regular expression/],
  ['back reference', 'body ~ /(a)\\1/', /Cannot parse regular expression/],
  ['assignment of code', 'process.exit(1)', /unknown "process\.exit"/],
  ['foreign characters', 'count(span) > 0; drop', /unexpected ";"/],
  ['JSONPath in a test', '$.a > 0', /expected a value/],
  ['keyword as value', 'and > 0', /expected a value/],
  ['unfinished list', 'count(span where a in (1,) ) > 0', /expected a number or text/],
];

describe('parseTest()', () => {
  it.each(GOOD_TESTS)('takes %s', (text) => {
    expect(parseTest(text).kind).toMatch(/compare|and|or/);
  });

  it.each(BAD_TESTS)('refuses %s', (_caption, text, part) => {
    expect(() => parseTest(text)).toThrow(part);
    try {
      parseTest(text);
    } catch (thrown) {
      expect(isAppError(thrown, 'rule.invalid')).toBe(true);
    }
  });

  it('bounds length and depth', () => {
    expect(() => parseTest(`${' '.repeat(LIMITS.ruleTestCharsMax)}1`)).toThrow(/2001 characters/);
    const nested = (depth: number) => `${'('.repeat(depth)}1${')'.repeat(depth)} > 0`;
    expect(parseTest(nested(LIMITS.ruleTestDepthMax)).kind).toBe('compare');
    expect(() => parseTest(nested(LIMITS.ruleTestDepthMax + 1))).toThrow(/nested deeper than 32/);
    expect(() => parseTest(`${'not '.repeat(400)}1 > 0`)).toThrow(/nested deeper/);
    expect(() => parseTest(`0 < ${'-'.repeat(900)}1`)).toThrow(/nested deeper/);
  });

  it('names the thresholds it needs', () => {
    const test = parseTest('count(span where span.self > thresholds.a) > thresholds.b + 1');
    expect(thresholdsOf(test)).toEqual(['a', 'b']);
  });

  it('never does anything but return or throw rule.invalid', () => {
    const words = fc.constantFrom(
      ...[
        'count',
        'share',
        'p95',
        'first',
        'reference',
        'others',
        '(',
        ')',
        ',',
        '|',
        '~',
        '/a+/i',
      ],
      ...['span', 'trace', 'log', 'span.duration', 'x.y', 'where', 'of', 'and', 'or', 'not', 'in'],
      ...[
        'exists',
        '1',
        '2 ms',
        '50 %',
        "'t'",
        '"u"',
        '>',
        '<=',
        '=',
        '!=',
        '+',
        '-',
        '*',
        '$.a',
        '`q`',
        '[',
      ],
    );
    const texts = fc.oneof(
      fc.string({ maxLength: 80 }),
      fc.array(words, { maxLength: 25 }).map((all) => all.join(' ')),
    );
    fc.assert(
      fc.property(
        texts,
        fc.constantFrom(parseTest, parseFilter, parseExpectation),
        (text, parse) => {
          try {
            const expression = parse(text);
            partsOf(expression);
          } catch (thrown) {
            expect(isAppError(thrown, 'rule.invalid'), String(thrown)).toBe(true);
          }
        },
      ),
      { numRuns: 3000, seed: 20_261_120 },
    );
  });
});

describe('evaluate()', () => {
  const fields: Readonly<Record<string, Value>> = { a: 3, b: 'text', c: true, five: '5' };
  const result = (text: string): Value =>
    evaluate(parseFilter(text), (leaf) =>
      leaf.kind === 'field' && Object.hasOwn(fields, leaf.field.name)
        ? fields[leaf.field.name]
        : undefined,
    );

  it.each<readonly [string, Value]>([
    ['1 + 2 * 3 = 7', true],
    ['(1 + 2) * 3 = 9', true],
    ['-a < -2', true],
    ['10 / 4 - 1 = 1.5', true],
    ['2 s = 2000 ms', true],
    ['50 % = 0.5', true],
    ['1 min > 59 s', true],
    ['a >= 3 and a <= 3 and not a != 3', true],
    ["b = 'text' or b = 'x'", true],
    ['b ~ /^TE/i', true],
    ['b ~ /^TE/', false],
    ["b in ('x', 'text')", true],
    ['a in [1, 2]', false],
    ['c', true],
    ['not c', false],
    ['c = true', true],
    ['five = 5', true],
    ['five > 4', undefined],
    ["b > 'a'", undefined],
    ['missing = 1', undefined],
    ['missing != 1', undefined],
    ['not missing = 1', undefined],
    ['missing exists', false],
    ['a exists', true],
    ['missing = 1 or a = 3', true],
    ['missing = 1 and a = 4', false],
    ['missing = 1 and a = 3', undefined],
    ['first(missing, a) = 3', true],
    ['1 / 0 > 0', undefined],
    ['__proto__ = 1', undefined],
    ['constructor exists', false],
  ])('%s → %s', (text, expected) => {
    expect(result(text)).toBe(expected);
  });

  it('matches hostile text in linear time', () => {
    const regex = parseFilter('t ~ /^(a+)+$/');
    const text = `${'a'.repeat(50_000)}!`;
    const startedMs = performance.now();
    expect(evaluate(regex, () => text)).toBe(true); // cut to the bound, which is all a
    expect(evaluate(parseFilter('t ~ /(x+x+)+y/'), () => 'x'.repeat(50_000))).toBe(false);
    expect(performance.now() - startedMs).toBeLessThan(5000);
  });
});

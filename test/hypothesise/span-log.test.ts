/** Which lines belong to which span. */
import { expect, it } from 'vitest';
import { joinLogs } from '../../src/hypothesise/span-log.ts';
import { createRandom, shuffled } from '../build/random.ts';
import { buildCollected, type LogLiteral, type SpanLiteral } from '../build/span-table.ts';

it('joinLogs() gives each span its own lines, in order of time, whatever the order of arrival', () => {
  const random = createRandom(3);
  const spans: SpanLiteral[] = [];
  const logs: LogLiteral[] = [];
  for (let index = 0; index < 300; index++) {
    // Span ids repeat in other traces: a sender may draw them so.
    const id = (1 + (index % 50)).toString(16).padStart(16, 'a');
    const trace = (1 + Math.floor(index / 50)).toString(16).padStart(32, 'b');
    spans.push({ trace, id, service: 's', operation: 'o', startUs: index, durationUs: 1 });
    for (let line = 0; line < index % 5; line++) {
      logs.push({ timeUs: 100 * line, service: 's', template: `${line}`, trace, span: id });
    }
  }
  const strays: LogLiteral[] = [
    { timeUs: 0, service: 's', template: 'no span' },
    {
      timeUs: 0,
      service: 's',
      template: 'other span',
      trace: spans[0]!.trace,
      span: 'f'.repeat(16),
    },
    { timeUs: 0, service: 's', template: 'other trace', trace: 'f'.repeat(32), span: spans[0]!.id },
    { timeUs: 0, service: 's', template: 'no hex', trace: spans[0]!.trace, span: 'short' },
  ];
  const { window } = buildCollected({
    window: { spans, logs: [...shuffled(logs, random), ...strays] },
  });
  const { spanOfLog, start, logs: sorted } = joinLogs(window);
  const texts = spans.map((_, row) =>
    [...sorted.subarray(start[row]!, start[row + 1]!)].map((log) =>
      window.logs.strings.text(window.logs.template[log]!),
    ),
  );
  expect(texts).toEqual(
    spans.map((_, index) => Array.from({ length: index % 5 }, (_line, at) => `${at}`)),
  );
  expect([...spanOfLog].filter((row) => row === -1)).toHaveLength(strays.length);
});

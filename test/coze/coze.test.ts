/** The normaliser as a whole: logs, points, groups of several signals. */
import { describe, expect, test } from 'vitest';
import { hexOf } from '../../src/base/bytes.ts';
import { createNormaliser } from '../../src/coze/coze.ts';
import { PointColumns, VALUE_TYPE } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { type LogSpec, logsOf, readRow, readSpans, spansOf } from './columns-of.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';

function normaliseLog(spec: LogSpec) {
  const columns = logsOf([spec]);
  createNormaliser({ userIds: 'keep', userIdKey: '' }).normaliseLogs(columns, 0, 1);
  return {
    service: columns.strings.text(columns.service[0]!),
    traceId: hexOf(columns.traceId, 0, 16),
    spanId: hexOf(columns.spanId, 0, 8),
    derived: readRow(columns.derived, columns.strings, columns.derivedEnd, 0),
  };
}

describe('normaliseLogs()', () => {
  test.each([
    [
      'ids of attributes',
      {
        attributes: {
          bot_id: 'b',
          conversation_id: 'c',
          chat_id: 'h',
          event_id: 'e',
          logid: 'l',
          request_id: 'r',
        },
      },
      {
        'coze.bot.id': 'b',
        'gen_ai.conversation.id': 'c',
        'coze.chat.id': 'h',
        'coze.event.id': 'e',
        'coze.log.id': 'l',
        'coze.request.id': 'r',
      },
    ],
    [
      'the plugin of the text',
      { body: 'calling plugin: weather_v2 now' },
      { 'gen_ai.tool.name': 'weather_v2' },
    ],
    [
      'the timeout of the text',
      { body: 'call failed timeout=5000ms' },
      { 'coze.timeout_ms': 5000 },
    ],
    ['a timeout in seconds', { body: 'call failed timeout=2.5s' }, { 'coze.timeout_ms': 2500 }],
    [
      'the retry of the text',
      { body: 'retry attempt #2 after error' },
      { 'http.request.resend_count': 2 },
    ],
    [
      'all of them',
      { body: 'plugin: w timeout=5s retry attempt #1' },
      { 'gen_ai.tool.name': 'w', 'coze.timeout_ms': 5000, 'http.request.resend_count': 1 },
    ],
    [
      'attributes before text',
      { body: 'plugin: text', attributes: { 'plugin.name': 'attribute' } },
      { 'gen_ai.tool.name': 'attribute' },
    ],
    [
      'members of a JSON body',
      { body: '{"chat_id":"7300000000000000001","bot_id":"b","n":1}' },
      { 'coze.chat.id': '7300000000000000001', 'coze.bot.id': 'b' },
    ],
    [
      'members of a map body',
      {
        body: {
          json: { kvlistValue: { values: [{ key: 'chat_id', value: { stringValue: 'c' } }] } },
        },
      },
      { 'coze.chat.id': 'c' },
    ],
    ['a hostile JSON body', { body: '{"__proto__":{"bot_id":"x"},"constructor":"y"}' }, {}],
    ['a body that is no JSON', { body: '{bot_id: b}' }, {}],
    [
      'the status of an access log',
      { attributes: { status: 502 } },
      { 'http.response.status_code': 502 },
    ],
    ['a status that is no HTTP status', { attributes: { status: 'ok' } }, {}],
    [
      'a legacy trace id',
      { attributes: { traceId: 'trc-1700000000000-ab' } },
      { 'coze.legacy.trace_id': 'trc-1700000000000-ab' },
    ],
    ['an id of the resource', { resource: { COZE_BOT_ID: 'b' } }, { 'coze.bot.id': 'b' }],
    ['canonical names', { attributes: { 'coze.bot.id': 'b' } }, {}],
  ] as const)('derives %s', (_, spec, derived) => {
    expect(normaliseLog(spec as LogSpec).derived).toEqual(derived);
  });

  test('joins a record to the trace that its attributes name', () => {
    const log = normaliseLog({ attributes: { trace_id: TRACE, span_id: 'b7ad6b7169203331' } });
    expect(log).toMatchObject({ traceId: TRACE, spanId: 'b7ad6b7169203331', derived: {} });
  });

  test('leaves a record that has its trace context alone', () => {
    const columns = logsOf([{ attributes: { trace_id: TRACE } }]);
    columns.traceId.fill(7, 0, 16);
    createNormaliser({ userIds: 'keep', userIdKey: '' }).normaliseLogs(columns, 0, 1);
    expect(hexOf(columns.traceId, 0, 16)).toBe('07'.repeat(16));
  });

  test('fills the service', () => {
    expect(normaliseLog({ resource: { 'service.name': 'bot' } }).service).toBe('bot');
  });
});

describe('normalisePoints()', () => {
  test('fills the service of new series only, and hides user ids in labels', () => {
    const strings = new StringDictionary();
    const columns = new PointColumns(strings);
    const text = (key: string, value: string) => ({
      key: strings.idOfString(key),
      type: VALUE_TYPE.string,
      value: strings.idOfString(value),
    });
    columns.resources.push({
      attributes: [text('service.name', 'bot')],
      droppedAttributesCount: 0,
      schemaUrl: 0,
    });
    const series = (service: number) => ({
      name: 0,
      unit: 0,
      description: 0,
      kind: 'sum' as const,
      temporality: 2,
      isMonotonic: true,
      attributes: [text('user_id', 'u1'), text('code', '200')],
      resource: 0,
      scope: 0,
      service,
    });
    columns.seriesEntries.push(series(0), series(0));
    createNormaliser({ userIds: 'hash', userIdKey: 'secret' }).normalisePoints(columns, 1);
    expect(columns.seriesEntries.map(({ service }) => strings.text(service))).toEqual(['', 'bot']);
    expect(columns.seriesEntries[1]?.attributes.map(({ value }) => strings.text(value))).toEqual([
      '8a629605d37d74d6',
      '200',
    ]);
  });
});

describe('groups', () => {
  test('spans and logs with a dictionary each take turns', () => {
    const normaliser = createNormaliser({ userIds: 'hash', userIdKey: 'k' });
    const spans = spansOf([{ attributes: { bot_id: 'a' } }, { attributes: { bot_id: 'b' } }]);
    const logs = logsOf([{ attributes: { bot_id: 'c' } }]);
    normaliser.normaliseSpans(spans, 0, 1);
    normaliser.normaliseLogs(logs, 0, 1);
    normaliser.normaliseSpans(spans, 1, 2);
    expect(readSpans(spans).map(({ derived }) => derived['coze.bot.id'])).toEqual(['a', 'b']);
    expect(readRow(logs.derived, logs.strings, logs.derivedEnd, 0)).toEqual({ 'coze.bot.id': 'c' });
  });

  test('rows dropped from the end leave no derived attributes behind', () => {
    const columns = spansOf([{ attributes: { bot_id: 'a' } }, { attributes: { bot_id: 'b' } }]);
    const normaliser = createNormaliser({ userIds: 'keep', userIdKey: '' });
    normaliser.normaliseSpans(columns, 0, 2);
    columns.truncate(1);
    const row = columns.addRow();
    columns.endRow(row);
    normaliser.normaliseSpans(columns, 1, 2);
    expect(readSpans(columns).map(({ derived }) => derived)).toEqual([{ 'coze.bot.id': 'a' }, {}]);
  });
});

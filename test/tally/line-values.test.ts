/** Kinds of values in wildcards: how a template's text names them, and that names are read back. */
import { describe, expect, test } from 'vitest';
import { LogColumns, VALUE_TYPE } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { TemplateMiner, templateIdOf } from '../../src/tally/template.ts';

function logsOf(bodies: readonly string[]): LogColumns {
  const columns = new LogColumns(new StringDictionary());
  for (const body of bodies) {
    const row = columns.addRow();
    columns.service[row] = columns.strings.idOfString('bot');
    columns.bodyType[row] = VALUE_TYPE.string;
    columns.bodyValue[row] = columns.strings.idOfString(body);
    columns.endRow(row);
  }
  return columns;
}

/** The last text of each template. */
function textsOf(bodies: readonly string[], miner = new TemplateMiner([])): string[] {
  const columns = logsOf(bodies);
  miner.assign(columns, 0, columns.count);
  return miner.takeNew().map(({ text }) => text);
}

describe('a text names the kind of its values', () => {
  test.each([
    ['took 35ms', 'took <duration>'],
    ['took 1h5m', 'took <duration>'],
    ['重试 3 次', '重试 <int> 次'],
    ['share 0.93', 'share <num>'],
    ['dial 10.0.0.7:6379', 'dial <ip>'],
    ['order 550e8400-e29b-41d4-a716-446655440000 paid', 'order <id> paid'],
    ['trace 7f3a9c0d', 'trace <id>'],
    ['GET https://api.coze.cn/v3/chat?a=1', 'GET <url>'],
    ['open /var/lib/sess.json', 'open <path>'],
    ['plugin "weather now"', 'plugin "<text>"'],
    ['at 2026-05-01T10:00:00.123Z', 'at <time>'],
    ['worker12 is pool-3-thread-7', 'worker<int> is pool-<int>-thread-<int>'],
    ['stations [beijing, shanghai]', 'stations [<list>]'],
    ['seat Seat(row=3, type=window) sold', 'seat Seat(<list>) sold'],
    ['got {"code":1,"msg":"ok"}', 'got {<list>}'],
    ['mail to zhang.san@example.com', 'mail to <*>'],
  ])('%s', (body, text) => {
    expect(textsOf([body])).toEqual([text]);
  });

  test('of several kinds as the one that holds both, or as any', () => {
    expect(textsOf(['load 7', 'load 0.5'])).toEqual(['load <num>']);
    expect(textsOf(['trace 70', 'trace 7f'])).toEqual(['trace <id>']);
    expect(textsOf(['took 35ms', 'took 10.0.0.7'])).toEqual(['took <*>']);
  });

  test('of words that turned out to differ', () => {
    const lines = [
      'user alice opened session in room lobby',
      'user bob opened session in room lobby',
    ];
    expect(textsOf(lines)).toEqual(['user <word> opened session in room lobby']);
  });
});

describe('kinds and templates', () => {
  test('the id of a template does not depend on the kinds of its values', () => {
    const miner = new TemplateMiner([]);
    const columns = logsOf(['took 35ms', 'took 10.0.0.7']);
    miner.assign(columns, 0, columns.count);
    const ids = Array.from(columns.template.subarray(0, 2), (id) => columns.strings.text(id));
    expect(new Set(ids)).toEqual(new Set([templateIdOf('bot', 'took <*>')]));
  });

  test('kinds go on after a restart', () => {
    const miner = new TemplateMiner([]);
    const columns = logsOf(['load 7']);
    miner.assign(columns, 0, 1);
    const restarted = new TemplateMiner(miner.takeNew());
    expect(textsOf(['load 8'], restarted)).toEqual([]);
    expect(textsOf(['load 0.5'], restarted)).toEqual(['load <num>']);
  });

  test('a template stored before lists were values takes their lines, under its id and a new text', () => {
    const text = 'stations are [beijing, shanghai] for trip <*>';
    const templateId = templateIdOf('bot', text);
    const miner = new TemplateMiner([{ templateId, service: 'bot', text, firstSeenUs: 1 }]);
    const columns = logsOf(['stations are [wuxi, suzhou, nanjing] for trip 7']);
    miner.assign(columns, 0, 1);
    expect(columns.strings.text(columns.template[0]!)).toBe(templateId);
    expect(miner.takeNew()).toEqual([
      { templateId, service: 'bot', text: 'stations are [<*>] for trip <*>', firstSeenUs: 1 },
    ]);
  });

  test('a line that was cut inside a value shares the template of whole ones', () => {
    const whole = 'answer is Reply(code=1, items=[a, b]) [done]';
    const miner = new TemplateMiner([]);
    const columns = logsOf([
      '[info is Reply(code=1, items=[a, b])]',
      '[info is Reply(code=1, ite',
      whole,
    ]);
    miner.assign(columns, 0, 3);
    expect(columns.template[1]).toBe(columns.template[0]);
    expect(columns.template[2]).not.toBe(columns.template[0]);
  });
});

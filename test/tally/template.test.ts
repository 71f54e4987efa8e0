/** Log templates: which lines share one, what is masked, stability, bounds. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { LogColumns, VALUE_TYPE } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { textOfPieces } from '../../src/tally/line-pieces.ts';
import { withWildcards } from '../../src/tally/line-values.ts';
import { LineMasker } from '../../src/tally/log-line.ts';
import { OVERFLOW_TEMPLATE, TemplateMiner, templateIdOf } from '../../src/tally/template.ts';
import { WILDCARD } from '../../src/tally/unit-kinds.ts';
import { anyLine, likeLine } from './lines.ts';
import { SlowMiner } from './slow-miner.ts';

function logsOf(bodies: readonly string[], service = 'bot'): LogColumns {
  const columns = new LogColumns(new StringDictionary());
  for (const body of bodies) addLog(columns, { body, service });
  return columns;
}

function addLog(
  columns: LogColumns,
  item: { body: string; service?: string; type?: number; eventName?: string },
): void {
  const { strings } = columns;
  const row = columns.addRow();
  columns.service[row] = strings.idOfString(item.service ?? 'bot');
  columns.bodyType[row] = item.type ?? VALUE_TYPE.string;
  columns.bodyValue[row] = strings.idOfString(item.body);
  columns.eventName[row] = strings.idOfString(item.eventName ?? '');
  columns.endRow(row);
}

/** A word without digits. */
function wordOf(number: number): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz';
  return number < 26 ? letters[number]! : wordOf(Math.floor(number / 26)) + letters[number % 26];
}

function assign(miner: TemplateMiner, columns: LogColumns): string[] {
  miner.assign(columns, 0, columns.count);
  return Array.from(columns.template.subarray(0, columns.count), (id) => columns.strings.text(id));
}

/** Ids and texts of lines that arrive together. */
function mine(bodies: readonly string[]) {
  const miner = new TemplateMiner([]);
  const ids = assign(miner, logsOf(bodies));
  const texts = new Map(miner.takeNew().map(({ templateId, text }) => [templateId, text]));
  return { ids, texts: ids.map((id) => texts.get(id)) };
}

function piecesOf(line: string) {
  const masker = new LineMasker();
  masker.reader.read(line);
  masker.mask();
  return masker.pieces();
}

function textOf(body: string): string {
  return textOfPieces(piecesOf(body));
}

describe('LineMasker masks what varies', () => {
  test.each([
    [
      'a pool thread',
      'HikariCP - pool-1-thread-15 waiting for connection',
      'HikariCP - pool-<*>-thread-<*> waiting for connection',
    ],
    ['a number with unit', 'took 35ms', 'took <*>'],
    ['key=value numbers', 'timeout=5000ms retry=2', 'timeout=<*> retry=<*>'],
    ['a numbered attempt', 'retry attempt #2', 'retry attempt <*>'],
    ['an address', 'dial tcp 10.0.0.7:6379: connect refused', 'dial tcp <*>: connect refused'],
    ['a UUID', 'session 550e8400-e29b-41d4-a716-446655440000 gone', 'session <*> gone'],
    [
      'a UUID without digits at a place',
      'session abcdefab-abcd-abcd-abcd-abcdefabcde1 gone',
      'session <*> gone',
    ],
    ['hex', 'at 0x7f3a9c in frame', 'at <*> in frame'],
    ['a URL', 'GET https://api.coze.cn/v3/chat?a=1,2 failed', 'GET <*> failed'],
    ['a path', 'open /var/lib/bot/sess.json: no such file', 'open <*>: no such file'],
    ['quoted text', 'unknown plugin "weather now"', 'unknown plugin "<*>"'],
    ['a time stamp', '2026-05-01T10:00:00.123Z ERROR boom', '<*> ERROR boom'],
    ['a signed number', 'delta -5 now', 'delta <*> now'],
    ['a list of numbers', 'ids [1, 22, 333]', 'ids [<*>]'],
    ['words after a list of numbers', 'ids 1, 22, 333 are gone', 'ids <*> are gone'],
    ['a mixed id', 'user kX9fP2qL left', 'user <*> left'],
    ['a mail address', 'mail to zhang.san@example.com sent', 'mail to <*> sent'],
    ['Chinese around numbers', '第3次重试，耗时35ms', '第<*>次重试，耗时<*>'],
    ['Chinese with an order', '订单 1234567890 支付失败：余额不足', '订单 <*> 支付失败：余额不足'],
    ['full-width digits', '共１２条', '共<*>条'],
    ['mixed scripts', 'Redis连接池已满 size=64', 'Redis连接池已满 size=<*>'],
  ])('%s', (_, line, text) => {
    expect(textOf(line)).toBe(text);
  });

  test.each([
    ['plain English', 'goroutine pool full, dropped event'],
    ['plain Chinese', '插件调用失败，降级为默认回复'],
    ['an apostrophe', "can't connect, won't retry"],
    ['an exception', 'java.lang.IllegalStateException: pool closed'],
    ['nothing', ''],
  ])('%s stays as it is', (_, line) => {
    expect(textOf(line)).toBe(line);
  });
});

describe('TemplateMiner.assign()', () => {
  test.each([
    ['a differing number', ['order 17 paid', 'order 18 paid'], true],
    [
      'a differing name among many words',
      ['user alice opened session in room lobby', 'user bob opened session in room lobby'],
      true,
    ],
    [
      'a differing Chinese word',
      ['用户 张三 打开 会话 在 大厅', '用户 李四 打开 会话 在 大厅'],
      true,
    ],
    [
      'opposite outcomes',
      ['payment failed for order 1 today', 'payment succeeded for order 1 today'],
      false,
    ],
    [
      'opposite outcomes in Chinese',
      ['用户 登录 处理 结束 状态 成功', '用户 登录 处理 结束 状态 失败'],
      false,
    ],
    ['different lengths', ['cache miss', 'cache miss for key'], false],
    ['short lines with a different word', ['pool full', 'pool empty'], false],
    ['different leading words', ['alpha one two three four', 'beta one two three four'], false],
  ])('%s: shared = %s', (_, lines, isShared) => {
    const { ids } = mine(lines);
    expect(ids[0] === ids[1]).toBe(isShared);
  });

  test('generalises the text and keeps the id', () => {
    const miner = new TemplateMiner([]);
    const [first] = assign(miner, logsOf(['user alice opened session in room lobby']));
    expect(miner.takeNew().map(({ text }) => text)).toEqual([
      'user alice opened session in room lobby',
    ]);
    const [second] = assign(miner, logsOf(['user bob opened session in room lobby']));
    expect(second).toBe(first);
    expect(miner.takeNew()).toMatchObject([
      { templateId: first, text: 'user <word> opened session in room lobby' },
    ]);
    expect(miner.takeNew()).toEqual([]);
  });

  test('keeps lines apart whose common text would not be split as they are', () => {
    // `第<*><*>pool` would be read as three pieces after a restart
    const { texts } = mine(['第9次订单pool', '第9次pool']);
    expect(texts).toEqual(['第<int>次订单pool', '第<int>次pool']);
  });

  test('keeps services apart', () => {
    const miner = new TemplateMiner([]);
    const [bot] = assign(miner, logsOf(['pool full'], 'bot'));
    const [shop] = assign(miner, logsOf(['pool full'], 'shop'));
    expect(bot).toBe(templateIdOf('bot', 'pool full'));
    expect(shop).toBe(templateIdOf('shop', 'pool full'));
  });

  test('reads the same body of two services in one group apart', () => {
    const columns = logsOf(['pool full'], 'bot');
    addLog(columns, { body: 'pool full', service: 'shop' });
    const [bot, shop] = assign(new TemplateMiner([]), columns);
    expect(bot).not.toBe(shop);
  });

  test.each([
    [
      'an OTLP map with a message',
      VALUE_TYPE.json,
      '{"kvlistValue":{"values":[{"key":"message","value":{"stringValue":"order 7 paid"}},{"key":"n","value":{"intValue":"1"}}]}}',
      'order <int> paid',
    ],
    [
      'an OTLP map without a message',
      VALUE_TYPE.json,
      '{"kvlistValue":{"values":[{"key":"b","value":{"intValue":"1"}},{"key":"a","value":{"intValue":"1"}}]}}',
      '{a, b}',
    ],
    ['an OTLP list', VALUE_TYPE.json, '{"arrayValue":{"values":[]}}', '{[]}'],
    [
      'JSON text with msg',
      VALUE_TYPE.string,
      '{"level":"info","msg":"order 7 paid"}',
      'order <int> paid',
    ],
    [
      'JSON text without a message',
      VALUE_TYPE.string,
      '{"__proto__":1,"level":"info"}',
      '{__proto__, level}',
    ],
    ['text that only looks like JSON', VALUE_TYPE.string, '{not json 5}', '{not json <int>}'],
    ['logfmt', VALUE_TYPE.string, 'level=info msg="order 7 paid" n=1', 'order <int> paid'],
    [
      'several lines',
      VALUE_TYPE.string,
      '\n  panic: boom 7\ngoroutine 1 [running]',
      'panic: boom <int>',
    ],
    ['a number', VALUE_TYPE.int, '', '<*>'],
  ])('takes the line of %s', (_, type, body, text) => {
    const columns = new LogColumns(new StringDictionary());
    addLog(columns, { body, type });
    const miner = new TemplateMiner([]);
    assign(miner, columns);
    expect(miner.takeNew().map((template) => template.text)).toEqual([text]);
  });

  test.each([
    ['an event name', 'gen_ai.choice', 'gen_ai.choice'],
    ['nothing', '', '(empty)'],
  ])('names a record without body after %s', (_, eventName, text) => {
    const columns = new LogColumns(new StringDictionary());
    addLog(columns, { body: '', type: VALUE_TYPE.empty, eventName });
    const miner = new TemplateMiner([]);
    assign(miner, columns);
    expect(miner.takeNew().map((template) => template.text)).toEqual([text]);
  });
});

const word = fc.constantFrom(
  'pool',
  'user',
  '订单',
  'timeout',
  'failed',
  '失败',
  'a=b',
  'x-1',
  '"q w"',
  '#',
  '[',
  '，',
  '/p/q',
  '<*>',
  'e5',
  '-',
  "it's",
  'abc1def2',
  'http://h/p?q=1,2',
  '12',
  '第9次',
);
const line = fc
  .array(fc.tuple(word, fc.constantFrom('', ' ')), { minLength: 1, maxLength: 12 })
  .map((parts) => parts.map(([text, space]) => text + space).join(''));

describe('properties', () => {
  test('the same line always gets the same template', () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 60 }), (lines) => {
        const miner = new TemplateMiner([]);
        const first = assign(miner, logsOf(lines));
        expect(assign(miner, logsOf(lines))).toEqual(first);
      }),
    );
  });

  test('lines that differ only in numbers share a template', () => {
    const parts = fc.array(
      fc.constantFrom(
        'took ',
        'ms',
        ' id=',
        'worker',
        ' 第',
        '次 ',
        '-',
        'pool-',
        '.',
        ':',
        ' x',
        'ab',
      ),
      { minLength: 1, maxLength: 8 },
    );
    const numbers = fc.array(fc.nat(), { minLength: 8, maxLength: 8 });
    const withNumbers = (texts: readonly string[], values: readonly number[]) =>
      texts.map((text, index) => text + values[index]).join('');
    fc.assert(
      fc.property(parts, numbers, numbers, (texts, left, right) => {
        const { ids } = mine([withNumbers(texts, left), withNumbers(texts, right)]);
        expect(ids[0]).toBe(ids[1]);
      }),
    );
  });

  test('no text of any script breaks it, and a text has at most 97 pieces', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 3000 }), (text) => {
        const pieces = piecesOf(text);
        expect(pieces.texts.length).toBeLessThanOrEqual(97);
        expect(pieces.spaces.length).toBe(pieces.texts.length);
        expect(mine([text]).ids[0]).toMatch(/^[0-9a-f]{16}$/);
      }),
    );
  });

  test('a restarted miner gives known lines the ids they had', () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 30 }), (lines) => {
        const miner = new TemplateMiner([]);
        assign(miner, logsOf(lines));
        const ids = assign(miner, logsOf(lines));
        const restarted = new TemplateMiner(miner.takeNew());
        const again = assign(restarted, logsOf(lines));
        const known = new Set(ids);
        for (const id of again) expect(known.has(id)).toBe(true);
        expect(restarted.takeNew()).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the slow version agrees', () => {
  const bodies = fc.array(fc.oneof(anyLine, likeLine), { minLength: 1, maxLength: 80 });

  test('on ids and texts of any lines, batch after batch', () => {
    fc.assert(
      fc.property(fc.array(bodies, { minLength: 1, maxLength: 3 }), (batches) => {
        expectAgreement(batches.map((batch) => logsOf(batch)));
      }),
      { numRuns: 300 },
    );
  });

  test('on lines of two services that make templates general', () => {
    const records = fc.array(fc.tuple(likeLine, fc.constantFrom('bot', 'shop')), {
      minLength: 20,
      maxLength: 200,
    });
    fc.assert(
      fc.property(records, (rows) => {
        const columns = logsOf([]);
        for (const [body, service] of rows) addLog(columns, { body, service });
        expectAgreement([columns]);
      }),
      { numRuns: 300 },
    );
  });

  test('when remembered lines are forgotten, of a service and of all', () => {
    // two services go over the bound of a service, all together over the common one; then some come again
    const forms = (service: number, count: number) =>
      Array.from({ length: count }, (_, index) => `${wordOf(index)} of ${wordOf(service)}`);
    const batches = Array.from({ length: 12 }, (_, service) =>
      logsOf(forms(service, service < 2 ? 10_500 : 9900), `s${service}`),
    );
    const again = Array.from({ length: 12 }, (_, service) =>
      logsOf([...forms(service, 300), 'user bob did load in room 5 with eve'], `s${service}`),
    );
    expectAgreement([...batches, ...again]);
  });
});

/** Ids of all rows and texts of all templates are those of the slow version. */
function expectAgreement(batches: readonly LogColumns[]): void {
  const miner = new TemplateMiner([]);
  const slow = new SlowMiner();
  const texts = new Map<string, string>();
  for (const columns of batches) {
    const expected = slow.assign(columns);
    expect(assign(miner, columns)).toEqual(expected);
    for (const { templateId, text } of miner.takeNew()) {
      texts.set(templateId, withWildcards(text, WILDCARD));
    }
  }
  expect(texts).toEqual(slow.texts());
}

describe('bounds', () => {
  test('a service with 50 000 distinct lines keeps the template limit and counts the rest', () => {
    const lines = Array.from(
      { length: 50_000 },
      (_, index) => `${wordOf(index)} ${wordOf(index * 7)}`,
    );
    const miner = new TemplateMiner([]);
    const ids = new Set(assign(miner, logsOf(lines)));
    expect(ids.size).toBe(LIMITS.templatesPerServiceMax + 1);
    expect(miner.overflowCount).toBe(lines.length - LIMITS.templatesPerServiceMax);
    expect(miner.takeNew().filter(({ text }) => text === OVERFLOW_TEMPLATE)).toHaveLength(1);
  });

  test('a service whose lines differ in all but one word compares few templates', () => {
    const miner = new TemplateMiner([]);
    const wordOf = (number: number) =>
      [...String(number)].map((digit) => 'abcdefghij'[Number(digit)]).join('');
    const lines = Array.from(
      { length: 1000 },
      (_, index) => `begin ${wordOf(index)} ${wordOf(7 * index)} ${wordOf(13 * index)} x`,
    );
    expect(new Set(assign(miner, logsOf(lines))).size).toBeLessThanOrEqual(201);
    expect(miner.overflowCount).toBeGreaterThan(0);
  });

  test('invented services share the overflow service', () => {
    const columns = new LogColumns(new StringDictionary());
    for (let index = 0; index < 1500; index++)
      addLog(columns, { body: 'pool full', service: `s${index}` });
    const ids = new Set(assign(new TemplateMiner([]), columns));
    expect(ids.size).toBe(1001);
  });

  test('many services with many lines each keep the bounds of all together', () => {
    const lines = Array.from({ length: 1000 }, (_, index) => `line ${wordOf(index)}`);
    const miner = new TemplateMiner([]);
    for (let index = 0; index < 120; index++) {
      const ids = assign(miner, logsOf(lines, `s${index}`));
      expect(ids).toHaveLength(lines.length);
      expect(miner.rememberedLineCount).toBeLessThanOrEqual(LIMITS.logLinesMax);
    }
    expect(miner.overflowCount).toBe(120 * lines.length - LIMITS.templatesMax);
    // Lines that were forgotten find their templates again.
    const [known] = assign(miner, logsOf(lines.slice(0, 1), 's0'));
    expect(known).toBe(templateIdOf('s0', 'line a'));
  });
});

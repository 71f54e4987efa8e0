/** Log lines as services write them, made at random: Chinese, English, ids, quotes, JSON, and what breaks scanners. */
import fc from 'fast-check';

const hex = (length: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length })
    .map((digits) => digits.join(''));

const part = fc.oneof(
  fc.constantFrom(
    'user',
    'pool',
    'timeout',
    'failed',
    "can't",
    'worker',
    'a.b.C',
    'session:',
    'ok',
  ),
  fc.constantFrom(
    '订单',
    '失败',
    '连接池已满',
    '第',
    '次重试',
    '，耗时',
    '。',
    '【插件】',
    '用户 张三',
  ),
  fc.nat({ max: 100_000 }).map(String),
  fc.nat({ max: 1000 }).map((number) => `${number}ms`),
  fc.nat({ max: 99 }).map((number) => `第${number}次`),
  fc.nat({ max: 99 }).map((number) => `worker-${number}`),
  hex(8),
  hex(32),
  fc.tuple(hex(8), hex(4), hex(4), hex(4), hex(12)).map((groups) => groups.join('-')),
  fc.ipV4(),
  fc.constantFrom('"a b"', '“引用”', '‘x’', '"', "'", '`q`', '”', '\\', '\\"'),
  fc.constantFrom(
    'http://h/p?a=1,2',
    '/var/log/x.log',
    'a/b',
    'a@b.cn',
    '@',
    '://',
    'C:\\x\\y',
    ':/',
  ),
  fc.constantFrom('f(', ')', '], ', 'a=b', 'k=7, ', '"k":', 'a, b', '[a', '{k=', ' )', ', x]'),
  fc.constantFrom(
    '=',
    ',',
    ', ',
    '[',
    ']',
    '{',
    '}',
    '(',
    ')',
    '-',
    '+',
    '#',
    '.',
    ':',
    '!',
    '?',
    '/',
  ),
  fc.constantFrom(
    '<*>',
    '<int>',
    '<word>',
    '<',
    '*',
    '>',
    '\uE000',
    '１２',
    'é',
    '😀',
    '\t',
    '\u3000',
    'x'.repeat(70),
  ),
  fc.constantFrom('msg="order 7 paid"', 'message="x"', '{"msg":"order 7 paid"}', '{"a":1}', '\n'),
);

export const anyLine: fc.Arbitrary<string> = fc
  .array(fc.tuple(part, fc.constantFrom('', ' ', ' ')), { maxLength: 24 })
  .map((parts) => parts.map(([text, space]) => text + space).join(''));

/** Lists, maps and objects as programs print them, and their ruins. */
export const bracketLine: fc.Arbitrary<string> = fc
  .array(
    fc.constantFrom(
      ...[
        '(',
        ')',
        '[',
        ']',
        '{',
        '}',
        ',',
        ', ',
        ' ',
        '=',
        ':',
        'Seat(',
        'k=',
        '"k":',
        'k:"v"',
        '"v"',
      ],
      ...[
        'a',
        'b c',
        '7',
        '1, 2',
        '订单',
        '<*>',
        '<int>',
        'row=3, type=window',
        'x'.repeat(70),
        '1 '.repeat(60),
      ],
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(''));

const NAMES = ['alice', 'bob', 'carol', '张三', '李四', '王五', 'dave', 'erin'];
const STEPS = ['load', 'save', 'check', 'plan', '召回', '生成', 'failed', '成功'];

/** Lines of a few forms that differ in names and words, so that templates become general. */
export const likeLine: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(...NAMES),
    fc.constantFrom(...STEPS),
    fc.nat({ max: 50 }),
    fc.constantFrom(...NAMES),
    fc.nat({ max: 4 }),
  )
  .map(([name, step, number, other, form]) => {
    switch (form) {
      case 0:
        return `user ${name} did ${step} in room ${number} with ${other}`;
      case 1:
        return `用户 ${name} 在 步骤 ${step} 等待 ${number} 毫秒`;
      case 2:
        return `${name} asked ${other} for ${step} of order ${number} again today`;
      case 3:
        return `${step} ${name}`;
      default:
        return `${name} ${step} ${other} ${name} ${step} ${number}`;
    }
  });

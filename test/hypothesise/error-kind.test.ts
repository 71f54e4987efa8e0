/** What errors of real drivers, runtimes, gateways and platforms say about their cause. */
import { describe, expect, it } from 'vitest';
import { kindOfCallee, kindOfError, kindOfText } from '../../src/hypothesise/error-kind.ts';
import { createRandom } from '../build/random.ts';

const of = (errorType: string, message = '') => kindOfError({ errorType, message });

describe('kindOfError()', () => {
  const cases: readonly (readonly [string, string, string | undefined])[] = [
    ['429', '', 'quota'],
    ['RESOURCE_EXHAUSTED', '', 'quota'],
    ['8', '', 'quota'],
    ['rate_limit.plugin', '', 'quota'],
    ['quota.balance', '', 'quota'],
    ['Error', '请求过于频繁，请稍后再试', 'quota'],
    ['RateLimitError', 'code: 4013', 'quota'],
    ['RESOURCE_EXHAUSTED', 'grpc: received message larger than max (5 vs. 4)', undefined],
    ['401', '', 'auth'],
    ['TokenExpiredError', 'jwt expired', 'auth'],
    ['', 'oauth2: token expired and refresh token is not set', 'auth'],
    ['UNAUTHENTICATED', '', 'auth'],
    ['PSQLException', 'FATAL: password authentication failed for user "bot"', 'auth'],
    ['', '用户令牌已失效', 'auth'],
    ['', 'x509: certificate has expired or is not yet valid', 'certificate'],
    ['CERT_HAS_EXPIRED', '', 'certificate'],
    ['SSLHandshakeException', 'PKIX path building failed: unable to find path', 'certificate'],
    ['Error', 'getaddrinfo ENOTFOUND api.weather.example', 'network'],
    ['', 'dial tcp: lookup cart on 10.0.0.10:53: no such host', 'network'],
    ['', 'read tcp 10.0.0.1:5->10.0.0.2:80: read: connection reset by peer', 'network'],
    ['', 'dial tcp 10.0.0.2:80: i/o timeout', 'network'],
    ['ECONNRESET', 'socket hang up', 'network'],
    ['', 'context deadline exceeded', 'timeout'],
    ['java.net.SocketTimeoutException', 'Read timed out', 'timeout'],
    ['', '调用天气接口超时', 'timeout'],
    ['', 'HikariPool-1 - Connection is not available, request timed out after 30000ms', 'pool'],
    ['Error', 'timeout exceeded when trying to connect', 'pool'],
    ['TimeoutError', 'QueuePool limit of size 5 overflow 10 reached', 'pool'],
    ['RejectedExecutionException', 'Task rejected from ThreadPoolExecutor', 'pool'],
    ['', 'goroutine pool full, dropped event', 'pool'],
    ['1205', 'Lock wait timeout exceeded; try restarting transaction', 'lock'],
    ['40P01', 'deadlock detected', 'lock'],
    ['LockTimeoutException', '', 'lock'],
    ['', '等待锁超时', 'lock'],
    ['java.lang.OutOfMemoryError', 'Java heap space', 'memory'],
    ['java.lang.OutOfMemoryError', 'GC overhead limit exceeded', 'gc'],
    ['ENOSPC', 'no space left on device, write', 'disk'],
    ['', 'accept4: too many open files', 'leak'],
    ['ReplyError', "OOM command not allowed when used memory > 'maxmemory'.", 'cache'],
    ['', 'CLUSTERDOWN The cluster is down', 'cache'],
    ['', 'queue is full, message rejected', 'queue'],
    ['', '消息队列积压', 'queue'],
    ['config.unpublished', '', 'config'],
    ['platform', '', 'platform'],
    ['llm.error', '', 'platform'],
    ['plugin.timeout', '', 'timeout'],
  ];
  it.each(cases)('%s %s: %s', (errorType, message, kind) => {
    expect(of(errorType, message)).toBe(kind);
  });

  it('has no kind for an error that says only that it failed', () => {
    expect(of('500')).toBeUndefined();
    expect(of('NullPointerException')).toBeUndefined();
    expect(of('Error', 'order 42 is not payable')).toBeUndefined();
    expect(of('', '')).toBeUndefined();
  });

  it('takes no word for another that holds it', () => {
    expect(of('', 'blocked by policy; unlocked 3 features')).toBeUndefined();
    expect(of('', 'handled 429 orders')).toBeUndefined();
    expect(of('', 'carpool is nearly a full success')).toBeUndefined();
  });

  it('bounds the words between the parts of a phrase', () => {
    expect(kindOfText('pool for reads exhausted')).toBe('pool');
    expect(kindOfText(`pool ${'of something else '.repeat(4)}exhausted`)).toBeUndefined();
  });

  it('reads hostile texts of any length in bounded time and never throws', () => {
    const random = createRandom(5);
    const parts = ['pool ', 'token ', 'aA', '…', '\u{1f980}', '锁', '.', '\0', ' '];
    for (let round = 0; round < 200; round++) {
      const text = Array.from(
        { length: 500 },
        () => parts[Math.floor(random.next() * parts.length)],
      ).join('');
      expect(() => of(text, text.repeat(40))).not.toThrow();
    }
  });
});

describe('kindOfCallee()', () => {
  const callee = { target: '', infra: 'none', stage: 'other', isOwn: false } as const;
  it.each([
    ['a database', { ...callee, infra: 'db', target: 'db postgresql orders-db' }, 'database'],
    [
      'a vector store of the knowledge stage',
      { ...callee, infra: 'db', stage: 'knowledge' },
      'knowledge',
    ],
    ['a cache', { ...callee, infra: 'cache', target: 'cache redis sessions' }, 'cache'],
    ['a queue', { ...callee, infra: 'mq', target: 'mq kafka orders' }, 'queue'],
    ['a name server', { ...callee, infra: 'dns', target: 'dns cart' }, 'network'],
    ['a public host', { ...callee, infra: 'http', target: 'http api.coze.cn' }, 'platform'],
    [
      'a public host with a port',
      { ...callee, infra: 'http', target: 'http api.coze.cn:8443' },
      'platform',
    ],
    [
      'a channel',
      { ...callee, infra: 'http', stage: 'channel', target: 'http open.feishu.cn' },
      'channel',
    ],
    [
      'a service of our own under a public name',
      { ...callee, infra: 'http', target: 'http shop.acme.com', isOwn: true },
      'dependency',
    ],
    [
      'a name of the cluster',
      { ...callee, infra: 'http', target: 'http cart.prod.svc.cluster.local' },
      'dependency',
    ],
    ['an address', { ...callee, infra: 'http', target: 'http 10.1.2.3:8080' }, 'dependency'],
    ['one word', { ...callee, infra: 'rpc', target: 'rpc grpc cart' }, 'dependency'],
  ] as const)('%s', (_caption, call, kind) => {
    expect(kindOfCallee(call)).toBe(kind);
  });
});

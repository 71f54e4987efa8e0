/**
 * What errors say about their cause, as data: phrases of drivers, runtimes, gateways and platforms, and the
 * codes of HTTP, gRPC and error classes. Read by error-kind.ts.
 */
import type { CauseKind } from '../model/hypothesis.ts';

/**
 * First match wins: what is more exact stands first. A phrase is whole words in lower case, camelCase split
 * and marks left out (`LockTimeoutException` reads `lock timeout exception`); ` … ` stands for some words
 * between. Phrases with Chinese match anywhere. `undefined`: such words hide a cause that later rows would
 * name wrongly.
 */
export const ERROR_PHRASES: readonly (readonly [CauseKind | undefined, readonly string[]])[] = [
  // "Resource exhausted: received message larger than max" is about the message, not about a quota.
  [undefined, ['larger than max', 'payload too large', 'entity too large', '消息过大']],
  ['gc', ['gc overhead limit', 'garbage collection … pause', '垃圾回收']],
  [
    'leak',
    [
      ...['too many open files', 'emfile', 'enfile', 'unable to create new native thread'],
      ...['unable to create native thread', 'start new thread', 'pthread create failed'],
      ...['句柄耗尽', '协程泄漏', '线程泄漏'],
    ],
  ],
  [
    'cache',
    [
      ...['command not allowed when used memory', 'clusterdown', 'redis is loading'],
      ...['loading the dataset in memory', 'read only replica', 'cache miss', 'cache stampede'],
      ...['缓存击穿', '缓存穿透', '缓存雪崩', '缓存失效', '缓存未命中'],
    ],
  ],
  [
    'memory',
    [
      ...['out of memory', 'oom killed', 'oomkilled', 'oom killer', 'cannot allocate memory'],
      ...['enomem', 'java heap space', 'heap limit', 'memory limit exceeded', 'memory error'],
      ...['内存不足', '内存溢出'],
    ],
  ],
  [
    'disk',
    [
      ...['no space left', 'enospc', 'disk full', 'disk is full', 'disk quota exceeded', 'edquot'],
      ...['read only file system', 'erofs', 'could not extend file', '磁盘', '存储空间不足'],
    ],
  ],
  [
    'lock',
    [
      ...['deadlock', 'dead lock', 'lock wait', 'lock timeout', 'lock request time out'],
      ...['lock not available', 'could not obtain lock', 'could not acquire lock'],
      ...['failed to acquire … lock', 'timeout … lock', 'waiting for … lock', 'database is locked'],
      ...['table is locked', '死锁', '锁等待', '锁超时', '等待锁', '获取锁失败', '抢锁失败'],
    ],
  ],
  [
    'pool',
    [
      ...['pool … exhausted', 'exhausted … pool', 'pool … full', 'pool … timeout', 'pool … limit'],
      ...['pool … timed out', 'get a resource from the pool', 'timeout waiting for idle object'],
      ...['connection is not available request timed out', 'waiting for connection'],
      ...['timeout exceeded when trying to connect', 'too many connections', 'connection leak'],
      ...['too many clients', 'remaining connection slots', 'max number of clients reached'],
      ...['no available connection', 'no free connection', 'rejected execution', 'bulkhead … full'],
      ...['连接池', '线程池', '协程池', '连接数过多', '连接耗尽'],
    ],
  ],
  [
    'queue',
    [
      ...['queue … full', 'queue … overflow', 'queue … exceeded', 'buffer exhausted', 'backlog'],
      ...['mailbox full', 'dropped event', 'consumer lag', '队列', '积压'],
    ],
  ],
  [
    'certificate',
    [
      ...['x509', 'certificate', 'self signed cert', 'cert has expired', 'err cert', 'unknown ca'],
      ...['err tls cert', 'unknown authority', 'pkix path building failed', '证书'],
    ],
  ],
  [
    'quota',
    [
      ...['too many requests', 'rate limit', 'rate limited', 'rate exceeded', 'resource exhausted'],
      ...['ratelimit', 'quota', 'throttled', 'throttling', 'request limit exceeded'],
      ...['requests per minute', 'tokens per minute', 'qps too high', 'insufficient balance'],
      ...['http 429', 'status 429', 'status code 429', 'code 429'],
      ...['限流', '限频', '频控', '频率', '频繁', '配额', '余额不足', '欠费', '超出限额'],
    ],
  ],
  [
    'auth',
    [
      ...['unauthorized', 'unauthenticated', 'not authorized', 'permission denied', 'forbidden'],
      ...['access denied', 'invalid token', 'token … expired', 'expired token', 'token … invalid'],
      ...['invalid signature', 'signature … mismatch', 'signature … invalid', 'bad credentials'],
      ...['invalid credentials', 'authentication failed', 'authentication required', 'noauth'],
      ...['invalid api key', 'api key … invalid', 'invalid access key', 'jwks', 'wrongpass'],
      ...['invalid client', 'invalid grant', 'insufficient scope', 'invalid audience'],
      ...['http 401', 'http 403', 'status 401', 'status 403', 'status code 401', 'status code 403'],
      ...['鉴权', '认证失败', '未授权', '无权限', '没有权限', '权限不足', '令牌', '验签失败'],
      ...[
        '签名错误',
        '签名无效',
        '签名不匹配',
        '密钥错误',
        '密钥过期',
        'token 过期',
        'token 已过期',
        'token 失效',
      ],
    ],
  ],
  [
    'network',
    [
      ...['tls handshake timeout', 'ssl handshake', 'tls handshake', 'enotfound', 'eai again'],
      ...['no such host', 'name resolution', 'name or service not known', 'getaddrinfo', 'dns'],
      ...['unknown host', 'nxdomain', 'servfail', 'econnreset', 'connection reset', 'broken pipe'],
      ...['epipe', 'no route to host', 'ehostunreach', 'enetunreach', 'network is unreachable'],
      ...['network unreachable', 'socket hang up', 'dial tcp … i o timeout', 'connect timeout'],
      ...['connect timed out', 'connection timed out', 'packet loss', '域名解析', '网络不可达'],
      ...['网络异常', '连接被重置', '连接重置', '丢包'],
    ],
  ],
  [
    'config',
    [
      ...['invalid configuration', 'missing configuration', 'configuration … invalid'],
      ...['config … not found', 'configuration … not found', 'missing required environment'],
      ...['not published', '配置错误', '配置缺失', '配置不存在', '未发布'],
    ],
  ],
  [
    'timeout',
    [
      ...['timeout', 'timed out', 'time out', 'deadline exceeded', 'etimedout', 'esockettimedout'],
      ...['超时'],
    ],
  ],
];

/** Error classes, by what they are or begin with before a dot: the project's own, and names of gRPC codes. */
export const ERROR_CLASSES: ReadonlyMap<string, CauseKind> = new Map([
  ['rate_limit', 'quota'],
  ['quota', 'quota'],
  ['auth', 'auth'],
  ['plugin.oauth', 'auth'],
  ['platform', 'platform'],
  ['llm.error', 'platform'],
  ['llm.config', 'config'],
  ['config', 'config'],
  ['plugin.offline', 'config'],
  ['plugin.deactivated', 'config'],
  ['plugin.timeout', 'timeout'],
  ['workflow.timeout', 'timeout'],
  ['workflow.node.timeout', 'timeout'],
  ['timeout', 'timeout'],
]);

/** HTTP statuses, and gRPC codes, which are below 17 (https://grpc.io/docs/guides/status-codes/). */
export const STATUS_KINDS: ReadonlyMap<number, CauseKind> = new Map([
  [4, 'timeout'],
  [7, 'auth'],
  [8, 'quota'],
  [16, 'auth'],
  [401, 'auth'],
  [402, 'quota'],
  [403, 'auth'],
  [407, 'auth'],
  [408, 'timeout'],
  [429, 'quota'],
  [504, 'timeout'],
  [511, 'auth'],
  // nginx and CDNs: the certificate of the client, of the origin.
  [495, 'certificate'],
  [496, 'certificate'],
  [525, 'certificate'],
  [526, 'certificate'],
]);

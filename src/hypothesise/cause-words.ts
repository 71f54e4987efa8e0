/** What is said of a cause and done about it in both languages, one entry per kind. Words only: no decisions. */
import type { CauseKind } from '../model/hypothesis.ts';
import type { Text } from '../model/text.ts';
import { text } from './suspicion.ts';

/** The parts of a sentence: who is blamed, who meets it. */
export interface Names {
  /** Service, and operation where one is known. */
  readonly place: string;
  readonly service: string;
  /** What is called, or the service itself. */
  readonly called: string;
  readonly callers: string;
  /** Both ends of a slow way, or the step that leads elsewhere; the service itself when not known. */
  readonly from: string;
  readonly to: string;
  readonly version: string;
  /** Function that takes the time; empty when no profile tells. */
  readonly function: string;
}

interface CauseWords {
  sentence(names: Names): Text;
  readonly remedy: Text;
}

export const CAUSE_WORDS: Readonly<Record<CauseKind, CauseWords>> = {
  cpu: {
    sentence: ({ service }) => text(`${service} 的 CPU 不够用`, `${service} is short of CPU`),
    remedy: text(
      '查看 CPU 剖析，扩容或去掉热点',
      'Take a CPU profile; scale out or remove the hot spot',
    ),
  },
  memory: {
    sentence: ({ service }) => text(`${service} 的内存吃紧`, `${service} is short of memory`),
    remedy: text(
      '查看堆剖析与上限，修复泄漏或扩容',
      'Take a heap profile; fix the leak or raise the limit',
    ),
  },
  gc: {
    sentence: ({ service }) =>
      text(
        `${service} 的垃圾回收占用了处理时间`,
        `Garbage collection takes the time of ${service}`,
      ),
    remedy: text(
      '减少分配（复用对象、流式处理），再调整堆上限与回收参数',
      'Allocate less (reuse objects, stream); then size the heap and tune the collector',
    ),
  },
  'event-loop': {
    sentence: ({ service }) =>
      text(
        `${service} 的事件循环被同步代码堵住`,
        `Synchronous code blocks the event loop of ${service}`,
      ),
    remedy: text(
      '用 CPU 剖析找出同步代码，移到工作线程或改为异步',
      'Find the synchronous code with a CPU profile; move it to a worker or make it asynchronous',
    ),
  },
  lock: {
    sentence: ({ place, called, service }) =>
      called === service
        ? text(`${place} 在等锁`, `${place} waits for a lock`)
        : text(`${place} 在等 ${called} 里的锁`, `${place} waits for a lock in ${called}`),
    remedy: text(
      '查明谁持有锁：数据库看阻塞会话，进程看互斥剖析；缩短临界区与事务',
      'Find who holds it: blocking sessions in a database, a mutex profile in a process; shorten critical sections and transactions',
    ),
  },
  leak: {
    sentence: ({ service }) =>
      text(
        `${service} 的线程、协程或句柄只增不减`,
        `${service} never gives back threads, goroutines or handles`,
      ),
    remedy: text(
      '隔一段时间取两次 goroutine/线程剖析，对比增长最多的调用栈；补上取消与关闭',
      'Take two goroutine or thread profiles some time apart and compare the stack that grew most; add the missing cancel or close',
    ),
  },
  disk: {
    sentence: ({ place, called, service }) =>
      called === service
        ? text(`${place} 的磁盘写满或变慢`, `The disk of ${place} is full or slow`)
        : text(
            `${place} 所用 ${called} 的磁盘写满或变慢`,
            `The disk of ${called}, used by ${place}, is full or slow`,
          ),
    remedy: text(
      '查看剩余空间、inode 与读写等待，清理或扩容',
      'Look at free space, inodes and I/O wait; clean up or extend',
    ),
  },
  network: {
    sentence: ({ from, to }) =>
      from === to
        ? text(`${from} 与外界之间的网络有故障`, `The network of ${from} is at fault`)
        : text(`${from} 与 ${to} 之间的网络变慢`, `The network between ${from} and ${to} is slow`),
    remedy: text(
      '检查两端之间的丢包、延迟、DNS 与代理',
      'Check loss, delay, DNS and proxies between the two ends',
    ),
  },
  code: {
    sentence: ({ place, function: name }) =>
      name === ''
        ? text(
            `${place} 的执行步骤与平时不同，代码走了别的分支`,
            `${place} no longer goes through its usual steps: its code takes another path`,
          )
        : text(
            `${place} 的函数 ${name} 耗时变多`,
            `The function ${name} of ${place} takes more time`,
          ),
    remedy: text(
      '查看所列请求与日志，定位该操作的代码',
      'Look at the listed requests and logs, then at the code of this operation',
    ),
  },
  pool: {
    sentence: ({ service, called }) =>
      called === service
        ? text(
            `${service} 的连接或工作线程已用完`,
            `${service} has no free connections or workers left`,
          )
        : text(
            `${service} 到 ${called} 的连接已用完`,
            `${service} has no free connections to ${called} left`,
          ),
    remedy: text('归还连接、调整池大小', 'Return connections and size the pool'),
  },
  retry: {
    sentence: ({ service }) =>
      text(`${service} 的重试放大了请求量`, `Retries of ${service} multiply its requests`),
    remedy: text(
      '限制重试次数并加抖动，设重试预算',
      'Bound retries, add jitter, set a retry budget',
    ),
  },
  timeout: {
    sentence: ({ place, called, service }) =>
      called === service
        ? text(`${place} 没等到答复就放弃`, `${place} gives up before it has an answer`)
        : text(`${place} 没等 ${called} 答复就放弃`, `${place} gives up before ${called} answers`),
    remedy: text(
      '对齐超时预算，限制重试并加抖动',
      'Align time budgets; bound retries and add jitter',
    ),
  },
  deadline: {
    sentence: ({ place }) =>
      text(`${place} 的时限设得太短`, `The deadline of ${place} is too short`),
    remedy: text(
      '对齐超时预算，限制重试并加抖动',
      'Align time budgets; bound retries and add jitter',
    ),
  },
  dependency: {
    sentence: ({ called, callers }) =>
      text(
        `${callers} 所调用的 ${called} 变慢或失败`,
        `${called}, called by ${callers}, is slow or fails`,
      ),
    remedy: text(
      '检查该依赖；设置超时、熔断与降级',
      'Check the dependency; set timeout, breaker and fallback',
    ),
  },
  database: {
    sentence: ({ called, callers }) =>
      text(
        `${callers} 所用的数据库 ${called} 变慢或失败`,
        `The database ${called}, used by ${callers}, is slow or fails`,
      ),
    remedy: text('查看慢查询、锁与执行计划', 'Look at slow queries, locks and plans'),
  },
  cache: {
    sentence: ({ called, callers, service }) =>
      called === service
        ? text(`${callers} 的缓存失效或不可用`, `The cache of ${callers} misses or fails`)
        : text(
            `${callers} 所用的缓存 ${called} 失效、变慢或失败`,
            `The cache ${called}, used by ${callers}, misses, is slow or fails`,
          ),
    remedy: text(
      '查看命中率、淘汰、内存上限与大键；缓存失败时要有降级',
      'Look at hit ratio, evictions, memory limit and big keys; degrade when the cache fails',
    ),
  },
  queue: {
    sentence: ({ called, callers, service }) =>
      called === service
        ? text(`${callers} 的队列积压或已满`, `The queue of ${callers} backs up or is full`)
        : text(
            `${callers} 所用的队列 ${called} 积压或已满`,
            `The queue ${called}, used by ${callers}, backs up or is full`,
          ),
    remedy: text(
      '对比进出速率，增加消费者，丢弃或分级过期的消息',
      'Compare arrivals with consumption; add consumers; drop or rank stale messages',
    ),
  },
  knowledge: {
    sentence: ({ service }) =>
      text(`${service} 的知识库检索异常`, `${service} has trouble searching its knowledge base`),
    remedy: text('检查知识库索引与检索参数', 'Check the index and the retrieval parameters'),
  },
  platform: {
    sentence: ({ called, callers, service }) =>
      called === service
        ? text(`${callers} 所用的平台自身报错`, `The platform that ${callers} uses is at fault`)
        : text(
            `${callers} 所用的平台 ${called} 自身报错`,
            `The platform ${called}, used by ${callers}, is at fault`,
          ),
    remedy: text(
      '查看平台状态页与请求日志 id，降级或切换；本方代码无须回滚',
      'Check the status page of the platform and give it the log ids; fall back or switch; nothing of your own to roll back',
    ),
  },
  channel: {
    sentence: ({ called, callers, service }) =>
      called === service
        ? text(
            `${callers} 与消息渠道之间的收发异常`,
            `${callers} has trouble with its message channel`,
          )
        : text(
            `${callers} 与消息渠道 ${called} 之间的收发异常`,
            `${callers} has trouble with the message channel ${called}`,
          ),
    remedy: text(
      '查看渠道的回调、签名、频率限制与消息格式',
      'Check callbacks, signatures, rate limits and message formats of the channel',
    ),
  },
  quota: {
    sentence: ({ service, called }) =>
      called === service
        ? text(`${service} 超出配额而被限流`, `${service} is over its quota and is throttled`)
        : text(
            `${service} 调用 ${called} 超出配额而被限流`,
            `${service} is over its quota at ${called} and is throttled`,
          ),
    remedy: text('降低调用速率或申请更高配额', 'Call less often or ask for a higher quota'),
  },
  auth: {
    sentence: ({ place, service, called }) =>
      called === service
        ? text(
            `${place} 的凭证无效或没有权限`,
            `Credentials of ${place} are invalid or lack a permission`,
          )
        : text(
            `${called} 不接受 ${place} 的凭证或权限`,
            `${called} refuses the credentials or permissions of ${place}`,
          ),
    remedy: text(
      '检查令牌到期、密钥轮换与授权范围；轮换时让新旧密钥并存',
      'Check expiry of the token, key rotation and scopes; keep old and new key valid during a rotation',
    ),
  },
  certificate: {
    sentence: ({ place, service, called }) =>
      called === service
        ? text(
            `${place} 的证书过期或不受信任`,
            `A certificate of ${place} has expired or is not trusted`,
          )
        : text(
            `${place} 不接受 ${called} 的证书`,
            `${place} does not accept the certificate of ${called}`,
          ),
    remedy: text(
      '查看证书的有效期、域名与证书链，续期并重新加载',
      'Check validity, names and chain of the certificate; renew and reload it',
    ),
  },
  deploy: {
    sentence: ({ service, version }) =>
      version === ''
        ? text(`${service} 的一次发布引入了故障`, `A release of ${service} brought the fault`)
        : text(
            `${service} 的版本 ${version} 引入了故障`,
            `Version ${version} of ${service} brought the fault`,
          ),
    remedy: text('回滚该版本', 'Roll this version back'),
  },
  config: {
    sentence: ({ service }) =>
      text(`${service} 的一次变更引入了故障`, `A change of ${service} brought the fault`),
    remedy: text('撤销该变更', 'Undo the change'),
  },
  traffic: {
    sentence: ({ service }) =>
      text(`${service} 的请求量比平时多`, `${service} gets more requests than usual`),
    remedy: text('限流或扩容，查明来源', 'Limit or scale out; find where the load comes from'),
  },
  latency: {
    sentence: ({ place }) =>
      text(`${place} 自身变慢，不是在等它所调用的服务`, `${place} itself has become slow`),
    remedy: text(
      '查看所列请求与日志，定位该操作的代码',
      'Look at the listed requests and logs, then at the code of this operation',
    ),
  },
  error: {
    sentence: ({ place }) => text(`${place} 自身处理失败`, `${place} itself fails`),
    remedy: text(
      '查看所列请求与日志，定位该操作的代码',
      'Look at the listed requests and logs, then at the code of this operation',
    ),
  },
  telemetry: {
    sentence: ({ service }) =>
      text(
        `${service} 的遥测数据有缺陷，异常是测量的结果`,
        `Telemetry of ${service} is faulty: the anomaly is how it was measured`,
      ),
    remedy: text('检查该服务的遥测上报', 'Check how the service exports its telemetry'),
  },
};

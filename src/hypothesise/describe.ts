/** The sentence and the first remedy of a hypothesis in both languages, by kind of cause. */
import { unreachable } from '../base/errors.ts';
import type { CauseKind } from '../model/hypothesis.ts';
import type { Text } from '../model/text.ts';
import type { Suspect } from './merge.ts';
import { text } from './suspicion.ts';

export function stateCause(suspect: Suspect): Text {
  if (suspect.rule) return suspect.rule.statement;
  const sentence = sentenceOf(suspect);
  const who = attributesOf(suspect);
  return who === ''
    ? sentence
    : text(`${sentence.zh}（限于 ${who}）`, `${sentence.en} (only with ${who})`);
}

/** The parts of a sentence: who is blamed, who meets it. */
interface Names {
  /** Service, and operation where one is known. */
  readonly place: string;
  readonly service: string;
  /** What is called, or the service itself. */
  readonly called: string;
  readonly callers: string;
  /** Both ends of a slow way. */
  readonly from: string;
  readonly to: string;
  readonly version: string;
}

function sentenceOf(suspect: Suspect): Text {
  const { culprit, kind, services, detail } = suspect;
  const { service, operation, dependency, version } = culprit;
  return SENTENCES[kind]({
    place: operation === undefined ? service : `${service} ${operation}`,
    service,
    called: dependency ?? service,
    callers: services.size > 1 ? [...services].sort().join(', ') : service,
    from: detail['from'] ?? service,
    to: detail['to'] ?? service,
    version: version ?? '',
  });
}

function attributesOf({ culprit }: Suspect): string {
  return Object.entries(culprit.attributes ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(', ');
}

const SENTENCES: Readonly<Record<CauseKind, (names: Names) => Text>> = {
  cpu: ({ service }) => text(`${service} 的 CPU 不够用`, `${service} is short of CPU`),
  memory: ({ service }) => text(`${service} 的内存吃紧`, `${service} is short of memory`),
  network: ({ from, to }) =>
    text(`${from} 与 ${to} 之间的网络变慢`, `The network between ${from} and ${to} is slow`),
  code: ({ place }) =>
    text(
      `${place} 的执行步骤与平时不同，代码走了别的分支`,
      `${place} no longer goes through its usual steps: its code takes another path`,
    ),
  dependency: ({ called, callers }) =>
    text(
      `${callers} 所调用的 ${called} 变慢或失败`,
      `${called}, called by ${callers}, is slow or fails`,
    ),
  pool: ({ service, called }) =>
    called === service
      ? text(
          `${service} 的连接或工作线程已用完`,
          `${service} has no free connections or workers left`,
        )
      : text(
          `${service} 到 ${called} 的连接已用完`,
          `${service} has no free connections to ${called} left`,
        ),
  database: ({ called, callers }) =>
    text(
      `${callers} 所用的数据库 ${called} 变慢或失败`,
      `The database ${called}, used by ${callers}, is slow or fails`,
    ),
  retry: ({ service }) =>
    text(`${service} 的重试放大了请求量`, `Retries of ${service} multiply its requests`),
  timeout: ({ place, called, service }) =>
    called === service
      ? text(`${place} 没等到答复就放弃`, `${place} gives up before it has an answer`)
      : text(`${place} 没等 ${called} 答复就放弃`, `${place} gives up before ${called} answers`),
  deadline: ({ place }) => text(`${place} 的时限设得太短`, `The deadline of ${place} is too short`),
  quota: ({ service }) =>
    text(`${service} 超出配额而被限流`, `${service} is over its quota and is throttled`),
  knowledge: ({ service }) =>
    text(`${service} 的知识库检索异常`, `${service} has trouble searching its knowledge base`),
  deploy: ({ service, version }) =>
    version === ''
      ? text(`${service} 的一次发布引入了故障`, `A release of ${service} brought the fault`)
      : text(
          `${service} 的版本 ${version} 引入了故障`,
          `Version ${version} of ${service} brought the fault`,
        ),
  config: ({ service }) =>
    text(`${service} 的一次变更引入了故障`, `A change of ${service} brought the fault`),
  traffic: ({ service }) =>
    text(`${service} 的请求量比平时多`, `${service} gets more requests than usual`),
  latency: ({ place }) =>
    text(`${place} 自身变慢，不是在等它所调用的服务`, `${place} itself has become slow`),
  error: ({ place }) => text(`${place} 自身处理失败`, `${place} itself fails`),
  telemetry: ({ service }) =>
    text(`${service} 的遥测数据没有送达`, `Telemetry of ${service} does not arrive`),
};

export function remedyFor(suspect: Suspect): Text {
  if (suspect.rule) return suspect.rule.fix;
  return remedyOf(suspect.kind);
}

function remedyOf(kind: CauseKind): Text {
  switch (kind) {
    case 'cpu':
      return text(
        '查看 CPU 剖析，扩容或去掉热点',
        'Take a CPU profile; scale out or remove the hot spot',
      );
    case 'memory':
      return text(
        '查看堆剖析与上限，修复泄漏或扩容',
        'Take a heap profile; fix the leak or raise the limit',
      );
    case 'network':
      return text(
        '检查两端之间的丢包、延迟、DNS 与代理',
        'Check loss, delay, DNS and proxies between the two ends',
      );
    case 'pool':
      return text('归还连接、调整池大小', 'Return connections and size the pool');
    case 'database':
      return text('查看慢查询、锁与执行计划', 'Look at slow queries, locks and plans');
    case 'dependency':
      return text(
        '检查该依赖；设置超时、熔断与降级',
        'Check the dependency; set timeout, breaker and fallback',
      );
    case 'deploy':
      return text('回滚该版本', 'Roll this version back');
    case 'config':
      return text('撤销该变更', 'Undo the change');
    case 'traffic':
      return text('限流或扩容，查明来源', 'Limit or scale out; find where the load comes from');
    case 'retry':
    case 'timeout':
    case 'deadline':
      return text(
        '对齐超时预算，限制重试并加抖动',
        'Align time budgets; bound retries and add jitter',
      );
    case 'quota':
      return text('降低调用速率或申请更高配额', 'Call less often or ask for a higher quota');
    case 'knowledge':
      return text('检查知识库索引与检索参数', 'Check the index and the retrieval parameters');
    case 'telemetry':
      return text('检查该服务的遥测上报', 'Check how the service exports its telemetry');
    case 'code':
    case 'latency':
    case 'error':
      return text(
        '查看所列请求与日志，定位该操作的代码',
        'Look at the listed requests and logs, then at the code of this operation',
      );
    default:
      return unreachable(kind);
  }
}

/** The sentence and the first remedy of a hypothesis in both languages, by kind of cause. */
import { unreachable } from '../base/errors.ts';
import type { CauseKind } from '../model/hypothesis.ts';
import type { Text } from '../model/text.ts';
import type { Suspect } from './merge.ts';
import { text } from './suspicion.ts';

export function stateCause(suspect: Suspect): Text {
  if (suspect.rule) return suspect.rule.statement;
  const place = placeOf(suspect);
  const what = KIND_TEXT[suspect.kind];
  const who = attributesOf(suspect);
  return text(
    `${place} ${what.zh}${who === '' ? '' : `（限于 ${who}）`}`,
    `${place} ${what.en}${who === '' ? '' : ` (for ${who})`}`,
  );
}

function placeOf({ culprit, kind, services, detail }: Suspect): string {
  const { service, operation, dependency, version } = culprit;
  if (kind === 'network') return `${detail['from'] ?? service} → ${detail['to'] ?? service}`;
  if (dependency !== undefined) {
    const callers = services.size > 1 ? [...services].sort().join(', ') : service;
    return `${callers} → ${dependency}${operation === undefined ? '' : ` (${operation})`}`;
  }
  if (version !== undefined) return `${service} ${version}`;
  return operation === undefined ? service : `${service} ${operation}`;
}

function attributesOf({ culprit }: Suspect): string {
  return Object.entries(culprit.attributes ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(', ');
}

const KIND_TEXT: Readonly<Record<CauseKind, Text>> = {
  cpu: text('处理器成为瓶颈', 'is short of processor time'),
  memory: text('内存压力', 'is under memory pressure'),
  network: text('之间的网络变慢', 'is a slow way through the network'),
  code: text('代码路径出错', 'takes a faulty path in its code'),
  dependency: text('依赖变慢或失败', 'is a dependency that is slow or fails'),
  pool: text('连接池或工作线程耗尽', 'has run out of pooled connections or workers'),
  database: text('数据库调用变慢或失败', 'is a database call that is slow or fails'),
  retry: text('重试放大了请求', 'multiplies its requests by retries'),
  timeout: text('在被调方答复前放弃', 'gives up before its callee answers'),
  deadline: text('期限设置过短', 'has a deadline that is too short'),
  quota: text('超出配额被限流', 'is over its quota and throttled'),
  knowledge: text('知识库检索异常', 'retrieves badly from its knowledge base'),
  deploy: text('该版本引入故障', 'brought the fault with this version'),
  config: text('变更引入故障', 'brought the fault with a change'),
  traffic: text('请求量突增', 'gets more requests than usual'),
  latency: text('自身处理变慢', 'is slow in its own work'),
  error: text('自身处理失败', 'fails in its own work'),
  telemetry: text('遥测数据缺失', 'does not report its telemetry'),
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

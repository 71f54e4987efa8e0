/** The fixed words of a report in both languages. */
import type { AnomalyKind } from '../model/anomaly.ts';
import type { Consensus, EvidenceSource, ProbeOutcome, Verdict } from '../model/hypothesis.ts';
import type { ReferenceKind, Report, TimelineEntry, Trigger } from '../model/report.ts';
import type { Language } from '../model/text.ts';

export interface Words {
  readonly report: string;
  readonly allReports: string;
  readonly otherLanguage: string;
  readonly verdicts: Readonly<Record<Report['verdict'] | Verdict, string>>;
  readonly confidence: string;
  readonly statuses: Readonly<Record<Report['status'], string>>;
  readonly triggers: Readonly<Record<Trigger['kind'], string>>;
  readonly references: Readonly<Record<ReferenceKind, string>>;
  readonly sources: Readonly<Record<EvidenceSource, string>>;
  readonly outcomes: Readonly<Record<ProbeOutcome, string>>;
  readonly decisions: Readonly<Record<Consensus['decision'], string>>;
  readonly timelineKinds: Readonly<Record<TimelineEntry['kind'], string>>;
  readonly clusterKinds: Readonly<Record<AnomalyKind | 'missing', string>>;
  readonly labels: Readonly<Record<LabelName, string>>;
}

type LabelName =
  | 'cause'
  | 'culprit'
  | 'firstSymptom'
  | 'impact'
  | 'fix'
  | 'nextSteps'
  | 'requests'
  | 'endpoints'
  | 'failed'
  | 'users'
  | 'conversations'
  | 'bots'
  | 'window'
  | 'reference'
  | 'trigger'
  | 'scope'
  | 'created'
  | 'timeline'
  | 'propagation'
  | 'propagationNote'
  | 'collect'
  | 'cluster'
  | 'verify'
  | 'traces'
  | 'spans'
  | 'logs'
  | 'metrics'
  | 'profiles'
  | 'changes'
  | 'anomalies'
  | 'gaps'
  | 'noGaps'
  | 'quality'
  | 'effect'
  | 'clusters'
  | 'noClusters'
  | 'coverage'
  | 'share'
  | 'count'
  | 'signature'
  | 'firstSeen'
  | 'ownTime'
  | 'contrast'
  | 'exemplars'
  | 'hypotheses'
  | 'noHypotheses'
  | 'refutedOnes'
  | 'posterior'
  | 'rule'
  | 'kind'
  | 'effectOf'
  | 'evidenceFor'
  | 'evidenceAgainst'
  | 'none'
  | 'observedValue'
  | 'expectedValue'
  | 'observations'
  | 'predictions'
  | 'probes'
  | 'noProbes'
  | 'target'
  | 'expectation'
  | 'observed'
  | 'ranAt'
  | 'rerun'
  | 'consensus'
  | 'consensusRule'
  | 'took'
  | 'total'
  | 'hypothesise'
  | 'engine'
  | 'rulesHash'
  | 'dataHash'
  | 'reportHash'
  | 'verifyAgain'
  | 'utc';

const ZH: Words = {
  report: '根因报告',
  allReports: '全部报告',
  otherLanguage: 'English',
  verdicts: {
    confirmed: '已证实',
    likely: '很可能',
    unverified: '未证实',
    abstained: '不作判定',
    refuted: '已排除',
  },
  confidence: '置信度',
  statuses: { complete: '完整', partial: '不完整', running: '分析中' },
  triggers: {
    alertmanager: '告警',
    anomaly: '异常检测',
    manual: '手动',
    schedule: '定时',
  },
  references: {
    given: '指定',
    learned: '学到的基线',
    'hour-before': '窗口之前',
    none: '无',
  },
  sources: {
    trace: '链路',
    log: '日志',
    metric: '指标',
    profile: '剖析',
    state: '状态',
    change: '变更',
  },
  outcomes: { confirm: '符合', refute: '不符', inconclusive: '无结论' },
  decisions: { automatic: '自动出具', probable: '很可能', 'human review': '需人工复核' },
  timelineKinds: {
    alert: '告警',
    anomaly: '异常',
    change: '变更',
    cluster: '聚类',
    onset: '开始',
  },
  clusterKinds: {
    latency: '变慢',
    error: '报错',
    missing: '缺失',
    traffic: '流量',
    log: '日志',
    metric: '指标',
  },
  labels: {
    cause: '根因',
    culprit: '责任部件',
    firstSymptom: '最先的症状',
    impact: '影响范围',
    fix: '处置建议',
    nextSteps: '下一步收集什么',
    requests: '受影响请求',
    endpoints: '受影响入口',
    failed: '失败率',
    users: '用户',
    conversations: '会话',
    bots: 'Bot',
    window: '分析窗口',
    reference: '参照',
    trigger: '触发',
    scope: '范围',
    created: '生成于',
    timeline: '时间线',
    propagation: '传播',
    propagationNote: '红色为异常调用的占比',
    collect: '采集',
    cluster: '聚类',
    verify: '验证',
    traces: '链路',
    spans: 'Span',
    logs: '日志',
    metrics: '指标序列',
    profiles: '剖析',
    changes: '变更事件',
    anomalies: '异常',
    gaps: '缺口',
    noGaps: '没有缺口：链路、日志、指标与参照都在。',
    quality: '遥测质量',
    effect: '影响',
    clusters: '异常聚类',
    noClusters: '没有异常 span 可以聚类。',
    coverage: '覆盖异常 span',
    share: '占比',
    count: '数量',
    signature: '特征',
    firstSeen: '首次出现',
    ownTime: '自身耗时中位数（参照）',
    contrast: '区别于其他 span 的属性',
    exemplars: '样例链路',
    hypotheses: '假设',
    noHypotheses: '没有提出假设。',
    refutedOnes: '已排除的假设',
    posterior: '后验',
    rule: '规则',
    kind: '类型',
    effectOf: '由此引起：',
    evidenceFor: '支持的证据',
    evidenceAgainst: '反对的证据',
    none: '无',
    observedValue: '实测',
    expectedValue: '预期',
    observations: '样本数',
    predictions: '若成立则应当',
    probes: '探针',
    noProbes: '没有运行探针。',
    target: '对象',
    expectation: '预期',
    observed: '结果',
    ranAt: '运行于',
    rerun: '重跑命令',
    consensus: '共识',
    consensusRule: '≥3 类证据一致：自动出具 · 2 类：很可能 · 1 类：人工复核',
    took: '用时',
    total: '合计',
    hypothesise: '提出假设',
    engine: '引擎',
    rulesHash: '规则哈希',
    dataHash: '数据哈希',
    reportHash: '报告哈希',
    verifyAgain: '重新验证',
    utc: '时间均为 UTC',
  },
};

const EN: Words = {
  report: 'Root-cause report',
  allReports: 'All reports',
  otherLanguage: '中文',
  verdicts: {
    confirmed: 'Confirmed',
    likely: 'Likely',
    unverified: 'Unverified',
    abstained: 'Abstained',
    refuted: 'Refuted',
  },
  confidence: 'Confidence',
  statuses: { complete: 'Complete', partial: 'Partial', running: 'Running' },
  triggers: {
    alertmanager: 'Alert',
    anomaly: 'Anomaly',
    manual: 'Manual',
    schedule: 'Schedule',
  },
  references: {
    given: 'named',
    learned: 'learned baseline',
    'hour-before': 'before the window',
    none: 'none',
  },
  sources: {
    trace: 'Trace',
    log: 'Log',
    metric: 'Metric',
    profile: 'Profile',
    state: 'State',
    change: 'Change',
  },
  outcomes: { confirm: 'Confirms', refute: 'Refutes', inconclusive: 'Inconclusive' },
  decisions: { automatic: 'Automatic', probable: 'Probable', 'human review': 'Human review' },
  timelineKinds: {
    alert: 'Alert',
    anomaly: 'Anomaly',
    change: 'Change',
    cluster: 'Cluster',
    onset: 'Onset',
  },
  clusterKinds: {
    latency: 'Slow',
    error: 'Errors',
    missing: 'Missing',
    traffic: 'Traffic',
    log: 'Logs',
    metric: 'Metric',
  },
  labels: {
    cause: 'Root cause',
    culprit: 'Culprit',
    firstSymptom: 'First symptom',
    impact: 'Impact',
    fix: 'What to do',
    nextSteps: 'What to collect next',
    requests: 'Requests affected',
    endpoints: 'Endpoints affected',
    failed: 'Failed',
    users: 'Users',
    conversations: 'Conversations',
    bots: 'Bots',
    window: 'Window',
    reference: 'Reference',
    trigger: 'Trigger',
    scope: 'Scope',
    created: 'Created',
    timeline: 'Timeline',
    propagation: 'Propagation',
    propagationNote: 'Red: share of calls that were anomalous',
    collect: 'Collect',
    cluster: 'Cluster',
    verify: 'Verify',
    traces: 'Traces',
    spans: 'Spans',
    logs: 'Logs',
    metrics: 'Metric series',
    profiles: 'Profiles',
    changes: 'Change events',
    anomalies: 'Anomalies',
    gaps: 'Gaps',
    noGaps: 'None: traces, logs, metrics and a reference were there.',
    quality: 'Telemetry quality',
    effect: 'Effect',
    clusters: 'Clusters of anomalous spans',
    noClusters: 'There are no anomalous spans to cluster.',
    coverage: 'Anomalous spans covered',
    share: 'Share',
    count: 'Count',
    signature: 'Signature',
    firstSeen: 'First seen',
    ownTime: 'Median own time (reference)',
    contrast: 'Attributes that set them apart',
    exemplars: 'Exemplar traces',
    hypotheses: 'Hypotheses',
    noHypotheses: 'No hypothesis was raised.',
    refutedOnes: 'Refuted hypotheses',
    posterior: 'Posterior',
    rule: 'Rule',
    kind: 'Kind',
    effectOf: 'Effect of',
    evidenceFor: 'Evidence for',
    evidenceAgainst: 'Evidence against',
    none: 'None',
    observedValue: 'Measured',
    expectedValue: 'Expected',
    observations: 'Observations',
    predictions: 'If true, then',
    probes: 'Probes',
    noProbes: 'No probe ran.',
    target: 'Target',
    expectation: 'Expectation',
    observed: 'Observed',
    ranAt: 'Ran at',
    rerun: 'Run again',
    consensus: 'Consensus',
    consensusRule: '≥3 kinds of evidence agree: automatic · 2: probable · 1: human review',
    took: 'took',
    total: 'total',
    hypothesise: 'raising hypotheses',
    engine: 'Engine',
    rulesHash: 'Rules hash',
    dataHash: 'Data hash',
    reportHash: 'Report hash',
    verifyAgain: 'Verify again',
    utc: 'All times are UTC',
  },
};

export function wordsOf(lang: Language): Words {
  return lang === 'zh' ? ZH : EN;
}

/**
 * Watches log templates minute by minute: bursts, lines never seen before, and lines that no longer come. A template is
 * expected by its rate, its share of the service's other lines and its habit by hour of day; only what leaves all of
 * them counts. Each minute: expect, judge, then learn, unless the minute may belong to an anomaly.
 */
import { LIMITS } from '../base/limits.ts';
import { ROW_ORIGIN_US, RowSlab } from '../base/row-slab.ts';
import { US_PER_HOUR, US_PER_MINUTE } from '../base/time.ts';
import {
  acceptHeld,
  changedMinuteOf,
  dropHeld,
  expectLines,
  expectNew,
  holdLines,
  isYoung,
  LOG_MODEL_WIDTH,
  LOG_SERVICE_WIDTH,
  learnHeld,
  learnLines,
  learnNew,
  noteChange,
  usualLines,
} from '../baseline/log-model.ts';
import { findingOfBand, logAnomalyOf } from '../detect/log-anomaly.ts';
import {
  beginNew,
  findingOf,
  isOpenOrNew,
  isSuspicious,
  LOG_EVIDENCE_WIDTH,
  type LogChange,
  type LogFinding,
  type LogStatus,
  reopen,
  statusOf,
  weighMinute,
} from '../detect/log-evidence.ts';
import type { Anomaly } from '../model/anomaly.ts';
import type { TemplateTally } from '../model/tally.ts';
import type { TemplateMinute, Watch } from '../model/watch.ts';
import { OVERFLOW_TEMPLATE } from '../tally/template.ts';
import { LOG_RING_WIDTH, logPictureOf, notePictureMinute } from './log-picture.ts';

const STATE_VERSION = 2;
/** A template first seen longer ago is not new, even when its row is gone. */
const NEW_US = US_PER_HOUR;
/** Rows of templates without a line for so long make room: three times a weekly job. */
const IDLE_MINUTES = 21 * 1440;
const SWEEP_MINUTES = 1440;
/** After a change of a service its lines may be new for so long. */
const CHANGE_MINUTES = 60;

interface Template {
  readonly templateId: string;
  readonly model: Float32Array;
  readonly evidence: Float32Array;
  /** One number: the last minute with a line. */
  readonly seen: Float32Array;
  /** Its last hour. */
  readonly ring: Float32Array;
  /** Of the template, once a line of it has come. */
  text: string;
  /** What the running minute brought. */
  lines: number;
  severity: number;
  isNew: boolean;
}

interface Service {
  readonly service: string;
  readonly novelty: Float32Array;
  readonly templates: Map<string, Template>;
  /** Templates that had their first line in the running minute, and all lines. */
  newCount: number;
  lines: number;
}

interface StepContext {
  readonly minute: TemplateMinute;
  readonly at: number;
  /** What the step gives back. */
  readonly changed: Anomaly[];
}

interface ServiceContext extends StepContext {
  readonly service: string;
  readonly isServiceYoung: boolean;
  readonly calmLines: number;
  /** When the service was changed last; 0: never. */
  readonly changedAt: number;
}

export function createLogWatch(options: LogWatchOptions = {}): Watch<TemplateMinute> {
  return new LogWatch(options);
}

interface LogWatchOptions {
  readonly rowsMax?: number;
}

class LogWatch implements Watch<TemplateMinute> {
  readonly state = new RowSlab({
    width: LOG_MODEL_WIDTH + LOG_EVIDENCE_WIDTH + 1 + LOG_RING_WIDTH,
    version: STATE_VERSION,
  });
  readonly #services = new Map<string, Service>();
  #isRead = false;
  /** By name of the row. */
  readonly #open = new Map<string, Anomaly>();
  readonly #rowsMax: number;
  #leftOutCount = 0;

  constructor({ rowsMax = LIMITS.templateRowsMax }: LogWatchOptions) {
    this.#rowsMax = rowsMax;
  }

  get leftOutCount(): number {
    return this.#leftOutCount;
  }

  resume(open: readonly Anomaly[]): void {
    this.#readState();
    this.#open.clear();
    for (const anomaly of open) {
      const { service, templateId = '', direction } = anomaly;
      const { evidence, seen } = this.#templateOf(this.#serviceOf(service), templateId);
      this.#open.set(rowName(service, templateId), anomaly);
      if (statusOf(evidence) === direction) continue;
      const finding = findingOfAnomaly(anomaly);
      reopen(evidence, { status: direction, finding });
      seen[0] = Math.max(seen[0]!, finding.lastOutside);
    }
  }

  step(minute: TemplateMinute): readonly Anomaly[] {
    this.#readState();
    const at = minuteIndex(minute.minuteUs);
    this.#leftOutCount = 0;
    for (const { service } of minute.changes ?? []) {
      const changed = service === undefined ? undefined : this.#services.get(service);
      if (changed) noteChange(changed.novelty, at);
    }
    for (const tally of minute.tallies) this.#count(tally, minute);
    const changed: Anomaly[] = [];
    for (const service of this.#services.values()) {
      this.#stepService(service, { minute, at, changed });
      if (at % SWEEP_MINUTES === 0) this.#sweep(service, at);
    }
    return changed;
  }

  #count(tally: TemplateTally, minute: TemplateMinute): void {
    const { service, templateId, count, severityMax } = tally;
    const known = minute.templates.get(templateId);
    if (known?.text === OVERFLOW_TEMPLATE || service === OVERFLOW_TEMPLATE) return;
    const hadRow = this.#services.get(service)?.templates.has(templateId) === true;
    if (!hadRow && this.state.size >= this.#rowsMax) {
      this.#leftOutCount++;
      return;
    }
    const entry = this.#serviceOf(service);
    const template = this.#templateOf(entry, templateId);
    if (!hadRow && (known === undefined || known.firstSeenUs >= minute.minuteUs - NEW_US)) {
      template.isNew = true;
      entry.newCount++;
    }
    template.text = known?.text ?? templateId;
    template.lines += count;
    template.severity = Math.max(template.severity, severityMax);
    entry.lines += count;
  }

  #stepService(service: Service, context: StepContext): void {
    const { at } = context;
    const expectedNew = expectNew(service.novelty, service.lines);
    const changedAt = changedMinuteOf(service.novelty);
    let calmLines = 0;
    for (const template of service.templates.values()) {
      if (template.isNew) beginNew(template.evidence, { minute: at, expectedNew });
      if (template.lines > 0) template.seen[0] = at;
      calmLines += calmPart(template);
    }
    // one object for all templates: one each was half of a minute's CPU
    const ofService = {
      ...context,
      service: service.service,
      isServiceYoung: isYoung(service.novelty),
      calmLines,
      changedAt,
    };
    for (const template of service.templates.values()) this.#stepTemplate(template, ofService);
    learnNew(service.novelty, { lines: service.lines, newLines: service.newCount });
    service.lines = 0;
    service.newCount = 0;
  }

  #stepTemplate(template: Template, context: ServiceContext): void {
    const { model, evidence, lines, severity } = template;
    const minute = {
      lines,
      others: context.calmLines - calmPart(template),
      hour: Math.floor(context.minute.minuteUs / US_PER_HOUR),
    };
    const usual = expectLines(model, minute);
    notePictureMinute(template.ring, context.at, { lines, high: usual.high });
    // what has not come since a change may have gone with it
    const expected = template.seen[0]! > context.changedAt ? usual : { ...usual, presence: 0 };
    const seen = {
      minute: context.at,
      lines,
      severity,
      hasJustChanged: context.at - context.changedAt < CHANGE_MINUTES,
      isServiceYoung: context.isServiceYoung,
    };
    const direction = statusOf(evidence);
    const change = weighMinute(evidence, seen, expected);
    if (isSuspicious(evidence) || change !== undefined) holdLines(model, minute, expected);
    else {
      learnHeld(model);
      learnLines(model, minute, expected);
    }
    if (change === 'recovered') dropHeld(model);
    else if (change === 'accepted' || change === 'gone') acceptHeld(model);
    if (change) {
      const now = statusOf(evidence);
      this.#report(template, { ...context, change, direction: now === 'none' ? direction : now });
    }
    template.lines = 0;
    template.severity = 0;
    template.isNew = false;
  }

  #report(
    { templateId, text, model, evidence, ring }: Template,
    event: ServiceContext & { readonly change: LogChange; readonly direction: LogStatus },
  ): void {
    const { change, service, direction, minute } = event;
    if (direction === 'none') return;
    const name = rowName(service, templateId);
    const finding = findingOf(evidence);
    const picture = logPictureOf(ring, {
      toUs: minute.minuteUs + US_PER_MINUTE,
      clumping: finding.clumping,
      expectedMax: direction === 'down' ? usualLines(model) : Number.POSITIVE_INFINITY,
    });
    const anomaly = logAnomalyOf(finding, {
      ...{ service, templateId, direction, change },
      text: minute.templates.get(templateId)?.text ?? text,
      minuteUs: minute.minuteUs,
      originUs: ROW_ORIGIN_US,
      known: this.#open.get(name),
      picture,
    });
    if (anomaly.status === 'closed') this.#open.delete(name);
    else this.#open.set(name, anomaly);
    event.changed.push(anomaly);
  }

  #sweep(service: Service, at: number): void {
    for (const { templateId, seen, evidence } of service.templates.values()) {
      if (at - seen[0]! < IDLE_MINUTES || statusOf(evidence) !== 'none') continue;
      this.state.delete(rowName(service.service, templateId));
      service.templates.delete(templateId);
    }
    if (service.templates.size > 0) return;
    this.state.delete(rowName(service.service, ''));
    this.#services.delete(service.service);
  }

  #serviceOf(service: string): Service {
    let entry = this.#services.get(service);
    if (!entry) {
      const novelty = this.state.rowOf(rowName(service, '')).subarray(0, LOG_SERVICE_WIDTH);
      entry = { service, novelty, templates: new Map(), newCount: 0, lines: 0 };
      this.#services.set(service, entry);
    }
    return entry;
  }

  #templateOf(service: Service, templateId: string): Template {
    const known = service.templates.get(templateId);
    if (known) return known;
    const row = this.state.rowOf(rowName(service.service, templateId));
    const template = templateOfRow(templateId, row);
    service.templates.set(templateId, template);
    return template;
  }

  /** Rows come into the state after this watch was made, and before its first step. */
  #readState(): void {
    if (this.#isRead) return;
    this.#isRead = true;
    for (const [name] of this.state.entries()) {
      const [service = '', templateId = ''] = name.split('\0');
      const entry = this.#serviceOf(service);
      if (templateId !== '') this.#templateOf(entry, templateId);
    }
  }
}

function templateOfRow(templateId: string, row: Float32Array): Template {
  const evidenceEnd = LOG_MODEL_WIDTH + LOG_EVIDENCE_WIDTH;
  return {
    templateId,
    model: row.subarray(0, LOG_MODEL_WIDTH),
    evidence: row.subarray(LOG_MODEL_WIDTH, evidenceEnd),
    seen: row.subarray(evidenceEnd, evidenceEnd + 1),
    ring: row.subarray(evidenceEnd + 1),
    text: templateId,
    lines: 0,
    severity: 0,
    isNew: false,
  };
}

/** What a template adds to the lines that others are compared with: a burst must not make them look few. */
function calmPart({ model, evidence, lines }: Template): number {
  return isOpenOrNew(evidence) ? Math.min(lines, usualLines(model)) : lines;
}

function rowName(service: string, templateId: string): string {
  return `${service}\0${templateId}`;
}

function minuteIndex(minuteUs: number): number {
  return Math.round((minuteUs - ROW_ORIGIN_US) / US_PER_MINUTE);
}

function findingOfAnomaly(anomaly: Anomaly): LogFinding {
  const { range } = anomaly;
  return {
    onset: minuteIndex(range.fromUs),
    lastOutside: minuteIndex(range.toUs) - 1,
    worst: anomaly.value,
    ...findingOfBand(anomaly),
    lines: anomaly.n,
    score: anomaly.score,
  };
}

/** One minute as the watches see it: read from the store, without our own telemetry. */
import { LIMITS } from '../base/limits.ts';
import { US_PER_MINUTE } from '../base/time.ts';
import type { Silence } from '../model/silence.ts';
import type { LogTemplate } from '../model/tally.ts';
import { SELF_SERVICE } from '../model/vocabulary.ts';
import type { EndpointMinute, MetricMinute, TemplateMinute } from '../model/watch.ts';
import type { StateStore } from '../store/api/state.ts';
import type { TelemetryReader } from '../store/api/telemetry.ts';
import { createMetricMinutes, type MetricMinutes } from './metric-minute.ts';
import { silencesOfMinute } from './silences.ts';

export interface Minute {
  /** Nothing at all was stored, our own telemetry included: nobody knows whether all was silent or Taproot was down. */
  readonly isEmpty: boolean;
  readonly endpoints: EndpointMinute;
  readonly templates: TemplateMinute;
  readonly metrics: MetricMinute;
}

export interface MinuteSources {
  readonly telemetry: Pick<
    TelemetryReader,
    'readTallies' | 'readTemplateTallies' | 'listTemplates' | 'scanPoints'
  >;
  readonly state: Pick<StateStore, 'listChanges'>;
  /** Those that end after a time; left out: none. */
  readonly listSilences?: ((endAfterUs: number) => readonly Silence[]) | undefined;
}

export class MinuteReader {
  readonly #sources: MinuteSources;
  readonly #metrics: MetricMinutes;
  /** By id; read anew when an unknown one occurs. */
  #templates: ReadonlyMap<string, LogTemplate> = new Map();

  constructor(sources: MinuteSources) {
    this.#sources = sources;
    this.#metrics = createMetricMinutes(sources.telemetry);
  }

  /** Minutes in order, each once. */
  read(minuteUs: number): Minute {
    const { telemetry, state, listSilences } = this.#sources;
    const range = { fromUs: minuteUs, toUs: minuteUs + US_PER_MINUTE };
    const tallies = telemetry.readTallies({ range, slices: true });
    const templateTallies = telemetry.readTemplateTallies({ range });
    if (templateTallies.some(({ templateId }) => !this.#templates.has(templateId))) {
      const all = telemetry.listTemplates({});
      this.#templates = new Map(all.map((template) => [template.templateId, template] as const));
    }
    const changes = state.listChanges({ range, limit: LIMITS.changesPerRequestMax });
    // Last: points are read once, and a minute that another reader fails on is read again.
    const metrics = this.#metrics.read(minuteUs);
    return {
      isEmpty: tallies.length + templateTallies.length + metrics.values.length === 0,
      metrics,
      endpoints: {
        minuteUs,
        tallies: tallies.filter(({ endpoint }) => endpoint.service !== SELF_SERVICE),
        changes,
        silences: silencesOfMinute(listSilences?.(minuteUs) ?? [], minuteUs),
      },
      templates: {
        minuteUs,
        tallies: templateTallies.filter(({ service }) => service !== SELF_SERVICE),
        templates: this.#templates,
        changes,
      },
    };
  }
}

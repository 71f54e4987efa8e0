/** `taproot backtest`: what would have alarmed in a period of stored telemetry, before anybody is woken by it. */
import type { Command } from 'commander';
import { AppError } from '../base/errors.ts';
import { silentLog } from '../base/log.ts';
import { formatTime, parseTime, systemClock, type TimeRange } from '../base/time.ts';
import { anomalyJson } from '../model/json.ts';
import type { Language } from '../model/text.ts';
import { type BacktestIncident, backtest } from '../pipeline/backtest.ts';
import { createWatchers } from '../pipeline/watchers.ts';
import { languageOption } from './options.ts';
import { addConfigFlags, loadSettings } from './settings.ts';

interface BacktestFlags {
  readonly from: string;
  readonly to: string;
  readonly json?: boolean;
  readonly lang?: Language;
}

export function addBacktest(program: Command): void {
  addConfigFlags(
    program
      .command('backtest')
      .description('what would have alarmed in a period of stored telemetry; changes nothing'),
  )
    .requiredOption('--from <time>', 'RFC 3339, epoch ms, or now-7d; earlier data are learned from')
    .option('--to <time>', 'end of the period', 'now')
    .option('--detection-method <method>', 'adaptive or ratio, as in the configuration')
    .option('--json', 'one JSON document')
    .addOption(languageOption())
    .action(async (all: BacktestFlags & Record<string, unknown>) => {
      const { from, to, json, lang, ...configFlags } = all;
      const { config } = loadSettings(configFlags);
      const nowUs = systemClock.nowUs();
      const range = { fromUs: parseTime(from, nowUs), toUs: parseTime(to, nowUs) };
      if (range.toUs <= range.fromUs) {
        throw new AppError('request.invalid', 'Cannot test this period: it ends before it begins');
      }
      const incidents = await backtest({
        dataDir: config.dataDir,
        range,
        createWatchers: () => createWatchers(config),
        log: silentLog,
      });
      const print = json ? printJson : printText;
      process.stdout.write(print(incidents, { range, lang: lang ?? config.language }));
    });
}

interface PrintOptions {
  readonly range: TimeRange;
  readonly lang: Language;
}

function printJson(incidents: readonly BacktestIncident[], { range, lang }: PrintOptions): string {
  const document = {
    from: formatTime(range.fromUs),
    to: formatTime(range.toUs),
    incidents: incidents.map(({ incident, detectedUs, anomalies }) => ({
      id: incident.incidentId,
      status: incident.status,
      severity: incident.severity,
      onset: formatTime(incident.onsetUs),
      detected: formatTime(detectedUs),
      lastSeen: formatTime(incident.lastSeenUs),
      services: incident.services,
      ...(incident.note === undefined ? {} : { note: incident.note[lang] }),
      anomalies: anomalies.map(({ picture: _, ...anomaly }) => anomalyJson(anomaly, lang)),
    })),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** Anomalies of an incident that are printed. */
const ANOMALIES_PRINTED_MAX = 8;

function printText(incidents: readonly BacktestIncident[], { range, lang }: PrintOptions): string {
  const lines: string[] = [];
  for (const { incident, detectedUs, anomalies } of incidents) {
    const end = incident.status === 'open' ? 'open' : formatTime(incident.lastSeenUs);
    lines.push(
      `${formatTime(incident.onsetUs)} – ${end}  ${incident.severity}  ${incident.services.join(', ')}`,
      `  detected ${formatTime(detectedUs)}${incident.note ? `; ${incident.note[lang]}` : ''}`,
      ...anomalies
        .slice(0, ANOMALIES_PRINTED_MAX)
        .map(({ kind, statement }) => `  ${kind}: ${statement[lang]}`),
    );
    const more = anomalies.length - ANOMALIES_PRINTED_MAX;
    if (more > 0) lines.push(`  and ${more} more`);
    lines.push('');
  }
  const period = `${formatTime(range.fromUs)} to ${formatTime(range.toUs)}`;
  const count = incidents.length === 1 ? '1 incident' : `${incidents.length} incidents`;
  return `${[...lines, `${count} from ${period}`].join('\n')}\n`;
}

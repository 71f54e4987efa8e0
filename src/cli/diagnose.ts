/** `taproot diagnose`: one question, one report: of a case folder, of a data folder, or by a running service. */
import type { Command } from 'commander';
import { AppError } from '../base/errors.ts';
import { findPackage } from '../base/package.ts';
import {
  parseTime,
  parseTimeRange,
  systemClock,
  type TimeRange,
  US_PER_MINUTE,
} from '../base/time.ts';
import type { Config } from '../config/config.ts';
import type { Report } from '../model/report.ts';
import type { Language } from '../model/text.ts';
import { diagnoseCase, diagnoseData } from '../pipeline/offline.ts';
import { type ReportForm, renderReport } from '../pipeline/render.ts';
import { renderText } from '../report/report.ts';
import { loadRulebook } from '../rulebook/rulebook.ts';
import { askService } from './ask-service.ts';
import { formatOption, languageOption } from './options.ts';
import { addConfigFlags, loadSettings, rulesDirOf } from './settings.ts';

interface DiagnoseFlags {
  readonly window?: string;
  readonly at?: string;
  readonly reference?: string;
  readonly service?: string;
  readonly case?: string;
  readonly url?: string;
  readonly format?: ReportForm;
  readonly lang?: Language;
  readonly json?: boolean;
}

const SERVICE_TIMEOUT_MS = 185_000;

export function addDiagnose(program: Command): void {
  addConfigFlags(program.command('diagnose').description('find the root cause in a period'))
    .option('--window <from/to>', 'period to explain: RFC 3339, epoch ms, or now-15m')
    .option('--at <time>', 'explain the minutes up to this time')
    .option('--reference <from/to>', 'period to compare with (default: the hour before)')
    .option('--service <name>', 'service whose symptom is to be explained')
    .option('--case <dir>', 'explain a case folder offline')
    .option('--url <url>', 'ask a running service instead of a data folder')
    .addOption(formatOption())
    .addOption(languageOption())
    .option('--json', 'the same as --format json')
    .action(async (all: DiagnoseFlags & Record<string, unknown>) => {
      const {
        window,
        at,
        reference,
        service,
        case: folder,
        url,
        format,
        lang,
        json,
        ...configFlags
      } = all;
      const flags = { window, at, reference, service, folder, url };
      const { config } = loadSettings(configFlags);
      const language = lang ?? config.language;
      const form = json ? 'json' : (format ?? 'text');
      if (url !== undefined) {
        process.stdout.write(
          await diagnoseByService(new URL(url), flags, { config, form, language }),
        );
        return;
      }
      const report = await diagnoseHere(flags, config);
      process.stdout.write(print(report, form, language));
    });
}

type Question = {
  readonly window: string | undefined;
  readonly at: string | undefined;
  readonly reference: string | undefined;
  readonly service: string | undefined;
  readonly folder: string | undefined;
};

async function diagnoseHere(flags: Question, config: Config): Promise<Report> {
  const offline = {
    rulebook: loadRulebook(rulesDirOf(config)),
    version: findPackage().version,
    probes: config.probes,
  };
  if (flags.folder !== undefined) return diagnoseCase(flags.folder, offline);
  return diagnoseData(config.dataDir, questionOf(flags, config), offline);
}

async function diagnoseByService(
  url: URL,
  flags: Question,
  output: { readonly config: Config; readonly form: ReportForm; readonly language: Language },
): Promise<string> {
  const { window, reference, scope } = questionOf(flags, output.config);
  const asMs = ({ fromUs, toUs }: TimeRange) => ({
    from: Math.floor(fromUs / 1000),
    to: Math.ceil(toUs / 1000),
  });
  const created = await askService(new URL('/api/v1/diagnoses?wait=180s', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      window: asMs(window),
      ...(reference ? { reference: asMs(reference) } : {}),
      scope,
    }),
    timeoutMs: SERVICE_TIMEOUT_MS,
  });
  const { id } = JSON.parse(created) as { readonly id: string }; // our own API's answer
  const suffix = output.form === 'text' ? 'text' : output.form;
  return askService(new URL(`/api/v1/reports/${id}.${suffix}?lang=${output.language}`, url), {
    timeoutMs: SERVICE_TIMEOUT_MS,
  });
}

function questionOf(
  flags: Question,
  config: Config,
): {
  readonly window: TimeRange;
  readonly reference?: TimeRange;
  readonly scope: { readonly service?: string };
} {
  const nowUs = systemClock.nowUs();
  if (flags.window !== undefined && flags.at !== undefined) {
    throw new AppError('request.invalid', 'Cannot use --window and --at together: give one');
  }
  const toUs = flags.at === undefined ? nowUs : parseTime(flags.at, nowUs);
  const window =
    flags.window === undefined
      ? { fromUs: toUs - config.windowMinutes * US_PER_MINUTE, toUs }
      : parseTimeRange(flags.window, nowUs);
  return {
    window,
    ...(flags.reference === undefined ? {} : { reference: parseTimeRange(flags.reference, nowUs) }),
    scope: flags.service === undefined ? {} : { service: flags.service },
  };
}

function print(report: Report, form: ReportForm, language: Language): string {
  if (form === 'text')
    return renderText(report, language, { isColour: process.stdout.isTTY === true });
  return renderReport(report, form, language).body;
}

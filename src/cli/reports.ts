/** `taproot reports | report | verify`: what a running service has found. */
import type { Command } from 'commander';
import type { Language } from '../model/text.ts';
import type { ReportForm } from '../pipeline/render.ts';
import { askService } from './ask-service.ts';
import { formatOption, languageOption } from './options.ts';
import { addConfigFlags, apiUrlOf, loadSettings } from './settings.ts';

const ANSWER_TIMEOUT_MS = 30_000;
const VERIFY_TIMEOUT_MS = 185_000;

type ServiceFlags = Readonly<Record<string, unknown>> & {
  readonly url?: string;
  readonly format?: ReportForm;
  readonly lang?: Language;
  readonly json?: boolean;
};

export function addReports(program: Command): void {
  withUrl(program.command('reports').description('list reports'))
    .option('--json', 'print the list as JSON')
    .action(async (flags: ServiceFlags) => {
      const { base, language } = target(flags);
      const text = await askService(new URL('/api/v1/reports?limit=50', base), {
        timeoutMs: ANSWER_TIMEOUT_MS,
      });
      process.stdout.write(flags.json ? `${text.trim()}\n` : listText(text, language));
    });
  withUrl(program.command('report').description('print a report').argument('<id>'))
    .addOption(formatOption())
    .addOption(languageOption())
    .option('--json', 'the same as --format json')
    .action(async (id: string, flags: ServiceFlags) => {
      const { base, language } = target(flags);
      const form = flags.json ? 'json' : (flags.format ?? 'text');
      process.stdout.write(
        await askService(reportUrl(base, { id, form, language }), { timeoutMs: ANSWER_TIMEOUT_MS }),
      );
    });
  withUrl(program.command('verify').description("run a report's probes again").argument('<id>'))
    .addOption(formatOption())
    .addOption(languageOption())
    .option('--json', 'the same as --format json')
    .action(async (id: string, flags: ServiceFlags) => {
      const { base, language } = target(flags);
      const path = `/api/v1/reports/${encodeURIComponent(id)}/verify`;
      await askService(new URL(path, base), { method: 'POST', timeoutMs: VERIFY_TIMEOUT_MS });
      const form = flags.json ? 'json' : (flags.format ?? 'text');
      process.stdout.write(
        await askService(reportUrl(base, { id, form, language }), { timeoutMs: ANSWER_TIMEOUT_MS }),
      );
    });
}

function withUrl(command: Command): Command {
  return addConfigFlags(command).option(
    '--url <url>',
    'API of the service (default: the configured port here)',
  );
}

function target(flags: ServiceFlags): { readonly base: URL; readonly language: Language } {
  const { url, format: _format, lang, json: _json, ...configFlags } = flags;
  const { config } = loadSettings(configFlags);
  return {
    base: apiUrlOf(url === undefined ? {} : { url }, config),
    language: lang ?? config.language,
  };
}

function reportUrl(
  base: URL,
  report: { readonly id: string; readonly form: ReportForm; readonly language: Language },
): URL {
  return new URL(
    `/api/v1/reports/${encodeURIComponent(report.id)}.${report.form}?lang=${report.language}`,
    base,
  );
}

/** One line a report. */
function listText(json: string, language: Language): string {
  const { items } = JSON.parse(json) as {
    readonly items: readonly {
      readonly id: string;
      readonly createdAt: string;
      readonly verdict: string;
      readonly confidence: number;
      readonly summary: string | Readonly<Record<Language, string>>;
    }[];
  }; // our own API's answer
  const lines = items.map((item) => {
    const summary = typeof item.summary === 'string' ? item.summary : item.summary[language];
    return `${item.id}  ${item.createdAt}  ${item.verdict.padEnd(10)}  ${item.confidence.toFixed(2)}  ${summary}`;
  });
  return lines.length === 0 ? 'no reports\n' : `${lines.join('\n')}\n`;
}

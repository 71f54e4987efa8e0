/** `taproot silence add | list | remove`: maintenance silences of a running service. */
import type { Command } from 'commander';
import { AppError } from '../base/errors.ts';
import { parseTime, systemClock, US_PER_MS } from '../base/time.ts';
import { askService } from './ask-service.ts';
import { addConfigFlags, apiUrlOf, loadSettings } from './settings.ts';

const ANSWER_TIMEOUT_MS = 30_000;
const PATH = '/api/v1/silences';

type Flags = Readonly<Record<string, unknown>> & {
  readonly url?: string;
  readonly json?: boolean;
  readonly expired?: boolean;
  readonly service?: string;
  readonly endpoint?: string;
  readonly match: readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly for?: string;
  readonly comment?: string;
  readonly by?: string;
};

/** What is used of the API's answer. */
interface SilenceAnswer {
  readonly id: string;
  readonly status: string;
  readonly matchers: Readonly<Record<string, string>>;
  readonly from: string;
  readonly to: string;
  readonly comment: string;
  readonly createdBy: string;
}

export function addSilence(program: Command): void {
  const silence = program.command('silence').description('keep maintenance quiet');
  withUrl(silence.command('add').description('no alert, no investigation, no learning'))
    .option('--service <name>', 'service.name; * at the end stands for any rest')
    .option('--endpoint <name>', 'operation or endpoint id')
    .option('--match <field=value>', 'kind, metric, bot, …; may be repeated', collect, [])
    .option('--from <time>', 'when it begins (default: now)')
    .option('--to <time>', 'when it ends')
    .option('--for <duration>', 'how long it holds: 30m, 2h, 1d')
    .option('--comment <text>', 'why')
    .option('--by <name>', 'who')
    .action(async (flags: Flags) => {
      await ask(flags, { method: 'POST', body: JSON.stringify(bodyOf(flags)) });
    });
  withUrl(silence.command('list').description('silences that hold or will'))
    .option('--expired', 'those that have ended, too')
    .action(async (flags: Flags) => {
      await ask(flags, { path: `${PATH}?limit=1000${flags.expired ? '&expired=true' : ''}` });
    });
  withUrl(silence.command('remove').description('end a silence now').argument('<id>')).action(
    async (id: string, flags: Flags) => {
      await ask(flags, { method: 'DELETE', path: `${PATH}/${encodeURIComponent(id)}` });
    },
  );
}

function withUrl(command: Command): Command {
  return addConfigFlags(command)
    .option('--url <url>', 'API of the service (default: the configured port here)')
    .option('--json', 'print the answer as JSON');
}

function collect(pair: string, pairs: readonly string[]): readonly string[] {
  return [...pairs, pair];
}

async function ask(
  flags: Flags,
  request: { readonly method?: string; readonly path?: string; readonly body?: string },
): Promise<void> {
  const { url, json, ...configFlags } = flags;
  const base = apiUrlOf(url === undefined ? {} : { url }, loadSettings(configFlags).config);
  const { path = PATH, ...init } = request;
  const text = await askService(new URL(path, base), {
    ...init,
    headers: { 'content-type': 'application/json' },
    timeoutMs: ANSWER_TIMEOUT_MS,
  });
  process.stdout.write(json ? `${text.trim()}\n` : silencesText(text));
}

function bodyOf(flags: Flags): object {
  const nowUs = systemClock.nowUs();
  const { service, endpoint, from, comment, by: createdBy } = flags;
  const matchers = Object.fromEntries(
    flags.match.map((pair) => [
      pair.slice(0, Math.max(0, pair.indexOf('='))),
      pair.slice(pair.indexOf('=') + 1),
    ]),
  );
  const fromUs = from === undefined ? nowUs : parseTime(from, nowUs);
  return { service, endpoint, matchers, from, to: endOf(flags, fromUs), comment, createdBy };
}

/** The service's clock is not asked: `--for` counts from ours. */
function endOf(flags: Flags, fromUs: number): string | number {
  if (flags.to !== undefined) return flags.to;
  const [, amount, unit] = /^(\d{1,6})(m|h|d)$/.exec(flags.for ?? '') ?? [];
  if (amount === undefined) {
    throw new AppError('request.invalid', 'Cannot add a silence: give --for 2h (m, h, d) or --to');
  }
  const minutes = { m: 1, h: 60, d: 1440 }[unit as 'm' | 'h' | 'd']; // by the expression above
  return fromUs / US_PER_MS + Number(amount) * minutes * 60_000;
}

function silencesText(answer: string): string {
  const parsed = JSON.parse(answer) as SilenceAnswer | { readonly items: readonly SilenceAnswer[] }; // our own API
  const silences = 'items' in parsed ? parsed.items : [parsed];
  const lines = silences.map(({ id, status, matchers, from, to, comment, createdBy }) => {
    const what = Object.entries(matchers).map(([field, value]) => `${field}=${value}`);
    const why = [comment, createdBy].filter((text) => text !== '').join(', ');
    return `${id}  ${status.padEnd(7)}  ${from} … ${to}  ${what.join(' ')}${why === '' ? '' : `  (${why})`}`;
  });
  // Control characters must not reach a terminal.
  const plain = lines.map((line) => line.replace(/[\p{Cc}\p{Cf}]/gu, ' '));
  return plain.length === 0 ? 'no silences\n' : `${plain.join('\n')}\n`;
}

/**
 * `npm run conformance -- URL`: runs the suite against any OTLP receiver. Results go to standard output, progress
 * to standard error; ends with 0 when no must failed, 1 when one did, 2 on wrong usage.
 */
import { parseArgs } from 'node:util';
import { ALL_SIGNALS, WIRES } from './check.ts';
import type { Target } from './probe.ts';
import { CHECKS, hasFailure, runSuite } from './suite.ts';
import { renderChecks, renderCounts, renderResults, renderTerminal } from './tables.ts';

const USAGE = `npm run conformance -- URL [options]
  URL                   base address of OTLP/HTTP, e.g. http://127.0.0.1:4318
  --grpc HOST:PORT      address of OTLP/gRPC (h2c); without it those checks are skipped
  --only PREFIX         only checks whose id begins so; may be repeated
  --header 'NAME: VALUE'  added to every request; may be repeated
  --body-limit BYTES    the receiver's limit of a body after decompression (default 67108864)
  --overload BYTES      unfinished requests that fill the receiver's budget: checks throttling
  --timeout SECONDS     longest wait for one answer (default 20)
  --slow SECONDS        longest wait until slow senders are cut off (default 60; 0: not checked)
  --json                one JSON document
  --markdown            the table of results as Markdown
  --list                the checks as Markdown, and nothing is sent`;

const MIB = 1024 * 1024;
const OPTIONS = {
  grpc: { type: 'string' },
  only: { type: 'string', multiple: true, default: [] as string[] },
  header: { type: 'string', multiple: true, default: [] as string[] },
  'body-limit': { type: 'string' },
  overload: { type: 'string' },
  timeout: { type: 'string', default: '20' },
  slow: { type: 'string', default: '60' },
  json: { type: 'boolean', default: false },
  markdown: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

class UsageError extends Error {}

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const checks = CHECKS.filter(
    ({ id }) => values.only.length === 0 || values.only.some((prefix) => id.startsWith(prefix)),
  );
  if (checks.length === 0) throw new UsageError(`no check begins with ${values.only.join(', ')}`);
  if (values.list) {
    console.log(renderChecks(checks));
    return 0;
  }
  const [url, ...rest] = positionals;
  if (url === undefined || rest.length > 0) throw new UsageError('give one URL');
  const target = targetOf(url, values);
  const results = await runSuite({
    target,
    checks,
    onResult: ({ verdict, id, wire, signal }) => {
      if (verdict === 'fail') console.error(`FAIL ${id} ${wire} ${signal}`);
    },
  });
  if (values.json) console.log(JSON.stringify({ target: { url, grpc: values.grpc }, results }));
  else if (values.markdown) console.log(`${renderResults(results)}\n\n${renderCounts(results)}`);
  else console.log(renderTerminal(results));
  return hasFailure(results) ? 1 : 0;
}

type Values = ReturnType<typeof parse>['values'];

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function targetOf(url: string, values: Values): Target {
  const http = URL.canParse(url) ? new URL(url) : undefined;
  if (!http || !/^https?:$/.test(http.protocol)) {
    throw new UsageError(`cannot read the URL "${url}": give http://HOST:PORT`);
  }
  const { grpc } = values;
  if (grpc !== undefined && !/^(https?:\/\/)?[^/\s]+:\d+$/.test(grpc)) {
    throw new UsageError(`cannot read --grpc "${grpc}": give HOST:PORT`);
  }
  const bodyLimit = values['body-limit'];
  const { overload } = values;
  return {
    http,
    grpc: grpc === undefined || grpc.includes('://') ? grpc : `http://${grpc}`,
    headers: Object.fromEntries(values.header.map(headerOf)),
    bodyLimitBytes: bodyLimit === undefined ? 64 * MIB : count('--body-limit', bodyLimit),
    isBodyLimitKnown: bodyLimit !== undefined,
    overloadBytes: overload === undefined ? undefined : count('--overload', overload),
    timeoutMs: 1000 * count('--timeout', values.timeout),
    slowMs: values.slow === '0' ? 0 : 1000 * count('--slow', values.slow),
  };
}

function headerOf(text: string): readonly [string, string] {
  const [, name = '', value = ''] = /^([\w-]+):\s*(.+)$/.exec(text) ?? [];
  if (name === '') throw new UsageError(`cannot read --header "${text}": give 'NAME: VALUE'`);
  return [name.toLowerCase(), value];
}

function count(flag: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new UsageError(`cannot read ${flag} "${text}": give a whole number above 0`);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(
    `${error.message}\n\n${USAGE}\n\nwires: ${WIRES.join(', ')} · signals: ${ALL_SIGNALS.join(', ')}`,
  );
  process.exitCode = 2;
}

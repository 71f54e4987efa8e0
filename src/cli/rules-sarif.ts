/**
 * What is wrong with a folder of rules as SARIF 2.1.0, which CI systems show at the file it is about:
 * https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html
 */
import { join, relative, sep } from 'node:path';
import type { Finding } from '../rulebook/rulebook.ts';

/** By severity: SARIF knows findings by the rule that makes them. */
const RULES = {
  error: { id: 'rule.invalid', text: 'A rule file that cannot be used, or clashes with another' },
  warning: { id: 'rule.weak', text: 'A rule that works, and that nothing confirms or tests' },
} as const satisfies Readonly<Record<Finding['severity'], { id: string; text: string }>>;

const LEVELS = ['error', 'warning'] as const;

/** Places are relative to `baseDir`: viewers look for them from the root of a checkout. */
export function sarifOf(
  findings: readonly Finding[],
  place: { readonly dir: string; readonly baseDir: string; readonly version: string },
): object {
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'taproot rules check',
            version: place.version,
            rules: LEVELS.map((level) => ({
              id: RULES[level].id,
              shortDescription: { text: RULES[level].text },
              defaultConfiguration: { level },
            })),
          },
        },
        results: findings.map(({ severity, file, message }) => ({
          ruleId: RULES[severity].id,
          ruleIndex: LEVELS.indexOf(severity),
          level: severity,
          message: { text: message },
          locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(file, place) } } }],
        })),
      },
    ],
  };
}

/** Section 3.4.3: a relative reference, its segments percent-encoded. */
function uriOf(
  file: string,
  { dir, baseDir }: { readonly dir: string; readonly baseDir: string },
): string {
  const path = relative(baseDir, join(dir, file)).split(sep);
  return path.map(encodeURIComponent).join('/');
}

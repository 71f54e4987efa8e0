/**
 * What the renderers make of a hand-made fact graph. Golden files: `npx vitest run --project unit
 * test/report -u` writes them anew; the difference is reviewed like code.
 */
import { describe, expect, test } from 'vitest';
import { reportDocumentSchema } from '../../src/api/answers.ts';
import type { Report } from '../../src/model/report.ts';
import { renderHtml, renderJson, renderMarkdown, renderText } from '../../src/report/report.ts';
import { ABSTAINED, HOSTILE, hostileReport, OLD_ABSTAINED, OLD_REPORT, REPORT } from './fixture.ts';

const LANGUAGES = ['zh', 'en'] as const;
const GRAPHS = { confirmed: REPORT, abstained: ABSTAINED } as const;
const CASES = LANGUAGES.flatMap((lang) =>
  (['confirmed', 'abstained'] as const).map((name) => ({ lang, name, report: GRAPHS[name] })),
);

const OUR_COLOURS = new RegExp(`${String.fromCharCode(27)}\\[(?:0|1|2|3[0-9];1)m`, 'g');

describe('golden files', () => {
  test.each(CASES)('$name in $lang', async ({ lang, name, report }) => {
    const file = (ending: string) => `golden/${name}.${lang}.${ending}`;
    await expect(`${JSON.stringify(renderJson(report, lang), null, 2)}\n`).toMatchFileSnapshot(
      file('json'),
    );
    await expect(renderMarkdown(report, lang)).toMatchFileSnapshot(file('md'));
    await expect(renderText(report, lang, { isColour: false })).toMatchFileSnapshot(file('txt'));
    await expect(renderHtml(report, lang)).toMatchFileSnapshot(file('html'));
  });
});

describe('renderJson()', () => {
  test.each(CASES)('holds to the schema of the API: $name in $lang', ({ lang, report }) => {
    const document = JSON.parse(JSON.stringify(renderJson(report, lang)));
    expect(reportDocumentSchema.parse(document)).toEqual(document);
  });

  test('says null, not NaN, for what is not known', () => {
    const { steps } = renderJson(REPORT, 'en');
    expect(steps.cluster.clusters[1]?.referenceSelfMsP50).toBeNull();
    expect(steps.verify.hypotheses[0]?.evidence[3]?.value).toBeNull();
  });

  test('differs between the languages only in sentences and lang', () => {
    const zh = renderJson(REPORT, 'zh');
    const en = renderJson(REPORT, 'en');
    expect(zh.reportHash).toBe(en.reportHash);
    expect(zh.steps.cluster).toEqual(en.steps.cluster);
    expect(zh.summary).not.toBe(en.summary);
  });
});

describe('renderHtml()', () => {
  const page = renderHtml(REPORT, 'en');

  test('is one file without scripts, handlers or foreign resources', () => {
    expect(page).not.toMatch(/<script|<link|<iframe|<img|@import|url\(/i);
    expect(page).not.toMatch(/\son\w+\s*=/i);
    expect(page).not.toMatch(/\sstyle\s*=/i);
    expect(page.match(/(?:src|href)="(https?:[^"]*)"/g)).toBeNull();
  });

  test('shows verdict and confidence before everything else', () => {
    const verdictAt = page.indexOf('id="verdict"');
    for (const part of ['timeline', 'collect', 'cluster', 'verify']) {
      expect(page.indexOf(`id="${part}"`), part).toBeGreaterThan(verdictAt);
    }
    expect(page.slice(verdictAt, verdictAt + 600)).toContain('94 %');
  });

  test('makes evidence statements links to their queries', () => {
    expect(page).toContain(
      '<a href="/api/v1/traces?service=order-plugin&amp;operation=SELECT%20orders&amp;from=1751364000000&amp;to=1751364900000">Own time of SELECT orders has a median of 5003 ms in anomalous requests</a>',
    );
  });

  test('puts the origin of the API before links when a base is given', () => {
    const saved = renderHtml(REPORT, 'en', { apiBase: 'http://127.0.0.1:4400/' });
    expect(saved).toContain('href="http://127.0.0.1:4400/reports?lang=en"');
    expect(saved).not.toContain('href="/');
  });

  test('ignores a base that is no web address', () => {
    expect(renderHtml(REPORT, 'en', { apiBase: 'javascript:alert(1)//' })).not.toContain(
      'javascript:',
    );
  });

  test('closes every tag that it opens', () => {
    const open: string[] = [];
    const body = page.replace(/<style>.*<\/style>/s, '');
    for (const [, slash, name, rest] of body.matchAll(/<(\/?)([a-z][a-z0-9]*)([^>]*)>/g)) {
      if (['meta', 'br', 'input'].includes(name!) || rest?.endsWith('/')) continue;
      if (slash === '') open.push(name!);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });
});

describe('three answers', () => {
  const page = renderHtml(REPORT, 'en');

  test('stand apart, each with its own place', () => {
    const [cause, symptom, impact] = ['root-cause', 'first-symptom', 'impact'].map((id) =>
      page.slice(
        page.indexOf(`id="${id}"`),
        page.indexOf('</section>', page.indexOf(`id="${id}"`)),
      ),
    );
    expect(cause).toContain('<a href="#h1">');
    expect(cause).toContain('HikariPool-1');
    expect(cause).not.toContain('POST /coze/webhook');
    expect(symptom).toContain('POST /coze/webhook');
    expect(impact).toContain('34 of 412');
    expect(impact).toContain('Hits only version (order-plugin) 2.1.0');
  });

  test.each([
    ['HTML', renderHtml(ABSTAINED, 'en')],
    ['text', renderText(ABSTAINED, 'en', { isColour: false })],
  ])('a report that abstains says why, and marks its lead (%s)', (_, document) => {
    expect(document).toContain('Best lead, not a verdict');
    expect(document).toContain('The best lead h3 has a score of 0.9');
    expect(document).toContain('4 fault-free windows of the reference reach 1.5');
    expect(document).toContain('A lead of -0.6 makes a confidence of 10 %');
  });

  test('effects are told under their cause, refuted ones with the reason', () => {
    const text = renderText(REPORT, 'en', { isColour: false });
    expect(text).toMatch(/1 effect of it\n\s+• h3 bot-gateway times out/);
    expect(text).toContain('Reason: Queries take their usual time once they have a connection');
    expect(text).not.toContain('\nh3 ');
    const effect = page.indexOf('id="h3"');
    expect(page.indexOf('id="h1"')).toBeLessThan(effect);
    expect(effect).toBeLessThan(page.indexOf('id="h2"'));
  });

  test('evidence shows its interval and what is usual', () => {
    expect(page).toContain('5 s (95 %: 4.87 s – 5.14 s), usually 12.5 ms · n = 34');
  });
});

describe('a report stored before the new fields', () => {
  test.each([
    ['with a cause', OLD_REPORT],
    ['without', OLD_ABSTAINED],
  ])('renders in all forms (%s)', (_, report) => {
    const stored = JSON.parse(JSON.stringify(report)) as Report; // as the state store does
    for (const lang of LANGUAGES) {
      const forms = [
        renderHtml(stored, lang),
        renderMarkdown(stored, lang),
        renderText(stored, lang, { isColour: false }),
      ];
      for (const form of forms) {
        expect(form).toContain('bot-gateway');
        expect(form).not.toMatch(/undefined|NaN/);
      }
      const document = JSON.parse(JSON.stringify(renderJson(stored, lang)));
      expect(reportDocumentSchema.parse(document)).toEqual(document);
    }
  });
});

describe('hostile telemetry', () => {
  const report = hostileReport();

  test.each(LANGUAGES)('is only text in HTML (%s)', (lang) => {
    const page = renderHtml(report, lang);
    expect(page).not.toContain('<img');
    expect(page).not.toMatch(/href="[^"]*(javascript|data):/i);
    expect(page).not.toMatch(/href="\/\//);
    expect(page).not.toContain('\u001b');
    expect(page).not.toContain('\u202e');
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&#96;');
  });

  test.each(LANGUAGES)('is only text in Markdown (%s)', (lang) => {
    const document = renderMarkdown(report, lang);
    const outsideCode = document.replace(/^(`{3,})sh\n[\s\S]*?\n\1$/gm, '');
    expect(outsideCode).not.toMatch(/(?<!\\)<(?!\/api\/)/);
    expect(outsideCode).not.toMatch(/(?<!\\)\]\((?!<)/);
    expect(outsideCode).not.toMatch(/javascript:/i);
    expect(outsideCode).not.toMatch(/^# head/m);
    expect(document).not.toContain('\u001b');
    expect(document).not.toContain('\u202e');
  });

  test('cannot leave its code block in Markdown', () => {
    const first = report.hypotheses[0]!;
    const probe = first.probes[0]!;
    const fenced = 'x\n```\n# owned\n````\n<b>';
    const document = renderMarkdown(
      {
        ...report,
        hypotheses: [{ ...first, probes: [{ ...probe, plan: { ...probe.plan, rerun: fenced } }] }],
      },
      'en',
    );
    expect(document).toContain(`\`\`\`\`\`sh\n${fenced}\n\`\`\`\`\``);
  });

  test.each([true, false])('never reaches the terminal (colour %s)', (isColour) => {
    const text = renderText(report, 'en', { isColour });
    const ours = text.replaceAll(OUR_COLOURS, '');
    expect(ours).not.toContain('\u001b');
    expect(ours).not.toContain('\u202e');
    expect(ours).not.toContain('\r');
    expect(ours).not.toMatch(/^# head/m);
    expect(isColour).toBe(text !== ours);
  });

  test('survives in JSON as it was sent', () => {
    expect(renderJson(report, 'en').summary).toBe(HOSTILE);
  });
});

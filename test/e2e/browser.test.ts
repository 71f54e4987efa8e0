/** Headless Chromium opens the list and a report: readable in both languages, dark and light, wide and narrow. */
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from './child.ts';
import { findPart } from './parts.ts';
import {
  diagnose,
  type ReportDocument,
  type Service,
  seeRequests,
  startBot,
  startService,
} from './service.ts';

const executablePath = findPart('chromium');
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];
const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 360, height: 740 };
const SERVICE = 'coze-demo-bot';

describe.skipIf(executablePath === undefined)('Chromium', () => {
  const folder = temporaryFolder('browser');
  let service: Service;
  let browser: Browser;
  let report: ReportDocument;

  beforeAll(async () => {
    service = await startService({ config: { detection: false } });
    report = await makeReport(service);
    browser = await chromium.launch({
      executablePath: executablePath ?? '',
      args: ARGS,
      headless: true,
    });
  });
  afterAll(async () => {
    await browser?.close();
    await service?.stop();
    folder.remove();
  });

  const LOOKS = [
    { name: 'light, wide, English', colorScheme: 'light', viewport: WIDE, lang: 'en' },
    { name: 'dark, wide, Chinese', colorScheme: 'dark', viewport: WIDE, lang: 'zh' },
    { name: 'light, narrow, Chinese', colorScheme: 'light', viewport: NARROW, lang: 'zh' },
    { name: 'dark, narrow, English', colorScheme: 'dark', viewport: NARROW, lang: 'en' },
  ] as const;

  test.each(LOOKS)('shows the list and a report: $name', async (look) => {
    const context = await browser.newContext({
      colorScheme: look.colorScheme,
      viewport: look.viewport,
      locale: look.lang === 'zh' ? 'zh-CN' : 'en-US',
    });
    const page = await context.newPage();
    const complaints = watch(page, service.apiUrl);

    await page.goto(`${service.apiUrl}/?lang=${look.lang}`);
    await page.locator(`a[href*="${report.id}"]`).first().waitFor();
    await expectFits(page);
    await page.screenshot({ path: join(folder.path, `list-${look.colorScheme}.png`) });
    await page.locator(`a[href*="${report.id}"]`).first().click();
    await page.waitForURL(`**/${report.id}**`);

    await page.goto(`${service.apiUrl}/reports/${report.id}?lang=${look.lang}`);
    const text = await visibleText(page);
    expect(text).toContain(SERVICE);
    expect(text).toContain('kb-server');
    expect(/[\u4e00-\u9fff]{4,}/.test(headingOf(text)), headingOf(text)).toBe(look.lang === 'zh');
    expect(await page.locator('html').getAttribute('lang')).toMatch(
      look.lang === 'zh' ? /^zh/ : /^en/,
    );
    await expectFits(page);
    await expectReadable(page, look.colorScheme);
    await page.screenshot({ path: join(folder.path, `report-${look.name}.png`), fullPage: true });
    expect(complaints).toEqual([]);
    await context.close();
  });

  test('the one-file report needs nothing but itself', async () => {
    const context = await browser.newContext({ offline: false, javaScriptEnabled: false });
    const page = await context.newPage();
    const complaints = watch(page, service.apiUrl);
    const requests: string[] = [];
    page.on('request', (request) => requests.push(request.url()));
    await page.goto(`${service.apiUrl}/api/v1/reports/${report.id}.html?lang=en`);
    expect(await visibleText(page)).toContain(SERVICE);
    expect(requests).toHaveLength(1);
    expect(complaints).toEqual([]);
    await context.close();
  });
});

function visibleText(page: Page): Promise<string> {
  // biome-ignore lint/performance/useDomNodeTextContent: what a reader sees is the subject of the test
  return page.locator('body').innerText();
}

/** Collects console errors, script errors, failed requests and requests to anywhere else. */
function watch(page: Page, origin: string): string[] {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') {
      complaints.push(`console: ${message.text()}`);
    }
  });
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !url.startsWith('data:')) complaints.push(`external: ${url}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
  });
  return complaints;
}

/** No sideways scrolling of the page itself. */
async function expectFits(page: Page): Promise<void> {
  const excess = await page.evaluate(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
  expect(excess).toBeLessThanOrEqual(1);
}

/** The page follows the colour scheme, with text that stands out (WCAG AA: 4.5 to 1). */
async function expectReadable(page: Page, colorScheme: 'dark' | 'light'): Promise<void> {
  const [text, background] = (await page.evaluate(`(() => {
    const style = getComputedStyle(document.body);
    const root = getComputedStyle(document.documentElement);
    const isClear = (color) => color === 'rgba(0, 0, 0, 0)' || color === 'transparent';
    const background = isClear(style.backgroundColor) ? root.backgroundColor : style.backgroundColor;
    return [style.color, background];
  })()`)) as [string, string];
  const contrast = contrastOf(luminanceOf(text), luminanceOf(background));
  expect(contrast, `${text} on ${background}`).toBeGreaterThanOrEqual(4.5);
  const isDark = luminanceOf(background) < 0.2;
  expect(isDark, `background ${background}`).toBe(colorScheme === 'dark');
}

function contrastOf(one: number, other: number): number {
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}

/** Relative luminance of an rgb(…) colour: WCAG 2.2. */
function luminanceOf(color: string): number {
  const channels = (/\(([^)]+)\)/.exec(color)?.[1] ?? '')
    .split(/[ ,/]+/)
    .slice(0, 3)
    .map(Number);
  const [red = 0, green = 0, blue = 0] = channels.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** The first lines, which are in the language of the page whatever the data's language. */
function headingOf(text: string): string {
  return text.slice(0, 400);
}

/** A small real case: slow knowledge base, seen in a few seconds. */
async function makeReport(service: Service): Promise<ReportDocument> {
  const bot = await startBot({ endpoint: service.otlpHttpUrl, ratePerSecond: 25 });
  try {
    const referenceFrom = Date.now();
    await seeRequests(service, { serviceName: SERVICE, since: referenceFrom, count: 150 });
    const from = Date.now();
    await bot.setFault('kb_slow', true);
    await seeRequests(service, { serviceName: SERVICE, since: from + 2000, count: 150 });
    return await diagnose(service, {
      window: { from, to: Date.now() },
      reference: { from: referenceFrom, to: from },
      scope: { service: SERVICE },
    });
  } finally {
    await bot.stop();
  }
}

/** Lines that one place of the code wrote share a template: measured on labelled lines of two systems. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { LogColumns, VALUE_TYPE } from '../../src/model/columns.ts';
import { StringDictionary } from '../../src/model/dictionary.ts';
import { TemplateMiner } from '../../src/tally/template.ts';

interface LabelledLine {
  readonly service: string;
  readonly site: string;
  readonly body: string;
}

function readLines(name: string): LabelledLine[] {
  const path = new URL(`../fixture/logs/${name}.jsonl`, import.meta.url);
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as LabelledLine); // written in this form
}

function templatesOf(lines: readonly LabelledLine[]): string[] {
  const columns = new LogColumns(new StringDictionary());
  for (const { service, body } of lines) {
    const row = columns.addRow();
    columns.service[row] = columns.strings.idOfString(service);
    columns.bodyType[row] = VALUE_TYPE.string;
    columns.bodyValue[row] = columns.strings.idOfString(body);
    columns.endRow(row);
  }
  new TemplateMiner([]).assign(columns, 0, columns.count);
  return Array.from(columns.template.subarray(0, columns.count), (id) => columns.strings.text(id));
}

/**
 * Share of lines whose group holds exactly the lines of their place (Zhu et al., Tools and Benchmarks for Automated Log
 * Parsing, ICSE-SEIP 2019), and F1 over pairs of lines that stand together.
 */
function accuracyOf(lines: readonly LabelledLine[]) {
  const templates = templatesOf(lines);
  const sites = lines.map(({ service, site }) => `${service} ${site}`);
  const sizes = { site: countsOf(sites), template: countsOf(templates) };
  const joint = countsOf(lines.map((_, index) => `${sites[index]} ${templates[index]}`));
  const grouped = lines.filter((_, index) => {
    const count = joint.get(`${sites[index]} ${templates[index]}`);
    return (
      count === sizes.site.get(sites[index]!) && count === sizes.template.get(templates[index]!)
    );
  });
  const [both, bySite, byTemplate] = [joint, sizes.site, sizes.template].map(pairsOf);
  return { grouping: grouped.length / lines.length, f1: (2 * both!) / (bySite! + byTemplate!) };
}

function countsOf(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

function pairsOf(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + (count * (count - 1)) / 2, 0);
}

const bot = readLines('demo-bot');

describe('accuracy of log templates', () => {
  test.each([
    ['of TrainTicket', readLines('train-ticket'), { grouping: 0.91, f1: 0.96 }],
    ['of the demo bot', bot, { grouping: 0.96, f1: 0.99 }],
    [
      'of its Chinese lines',
      bot.filter(({ body }) => /\p{Script=Han}.*=|失败|限流/u.test(body)),
      { grouping: 1, f1: 1 },
    ],
    ['of both', [...readLines('train-ticket'), ...bot], { grouping: 0.93, f1: 0.97 }],
  ])('%s', (_, lines, atLeast) => {
    const { grouping, f1 } = accuracyOf(lines);
    expect(lines.length).toBeGreaterThan(200);
    expect(grouping).toBeGreaterThanOrEqual(atLeast.grouping);
    expect(f1).toBeGreaterThanOrEqual(atLeast.f1);
  });
});

/** What no file of the tree may hold, and links of the documents that must lead somewhere. */
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exists, listFiles, readText } from './tree.ts';

const TEXT_ENDINGS = [
  '.ts',
  '.mjs',
  '.js',
  '.json',
  '.md',
  '.yaml',
  '.yml',
  '.html',
  '.css',
  '.go',
  '/run',
  '/LICENSE',
];
const files = listFiles('.', TEXT_ENDINGS);

/** Written in pieces, so that this file does not hold them. */
const FORBIDDEN: readonly {
  readonly what: string;
  readonly pattern: RegExp;
  readonly remedy: string;
}[] = [
  {
    what: 'paths of one machine',
    pattern: new RegExp(['/wo', 'rk/(main|shared|\\.)|/ro', 'ot/|/ho', 'me/[a-z]'].join('')),
    remedy: 'use a path relative to the file, or the temporary folder',
  },
  {
    what: 'marks of unfinished work',
    pattern: new RegExp(['\\bFIX', 'ME\\b|\\bXX', 'X\\b|\\bTO', 'DO\\b(?!: when )'].join('')),
    remedy: 'finish it, or name the condition of its removal: "when …" after the mark and a colon',
  },
  {
    what: 'characters that hide or reorder text',
    // Zero-width, direction marks, byte order mark: written as escapes where a test needs one.
    pattern: /[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/,
    remedy: 'remove the character, or write it as an escape',
  },
  {
    what: 'left-overs of a merge',
    pattern: /^(<{7}|>{7}) /m,
    remedy: 'resolve the conflict',
  },
];

describe.each(FORBIDDEN)('no file holds $what', ({ pattern, remedy }) => {
  test(remedy, () => {
    const found = files.flatMap((file) => {
      const match = pattern.exec(readText(file));
      if (!match) return [];
      const line = readText(file).slice(0, match.index).split('\n').length;
      return [`${file}:${line}: ${JSON.stringify(match[0])}`];
    });
    expect(found).toEqual([]);
  });
});

/** Golden reports of tests link to routes of the API, not to files. */
const documents = listFiles('.', ['.md']).filter((path) => !path.startsWith('test/'));

describe.each(documents)('links of %s', (path) => {
  const links = [...withoutCode(readText(path)).matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g)]
    .map(([, target]) => target!)
    .filter((target) => !/^[a-z]+:/.test(target));

  test('lead to files and headings that exist', () => {
    const broken = links.filter((target) => {
      const [file = '', heading] = target.split('#');
      const linked = file === '' ? path : join(dirname(path), file);
      if (!exists(linked)) return true;
      return (
        heading !== undefined && linked.endsWith('.md') && !headingsOf(linked).includes(heading)
      );
    });
    expect(broken, `edit ${path}`).toEqual([]);
  });
});

/** Anchors of a document as GitHub makes them. */
function headingsOf(path: string): readonly string[] {
  return [...withoutCode(readText(path)).matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-'),
  );
}

function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^```.*?^```/gms, '').replaceAll(/`[^`\n]*`/g, '');
}

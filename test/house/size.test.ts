/** Prints long files and functions: a question to the reader, not a verdict. Split where a subject splits. */
import { expect, test } from 'vitest';
import { functionsOf, listFiles, readText } from './tree.ts';

const FILE_LINES = 400;
const FUNCTION_LINES = 70;

test('long files and functions are listed', () => {
  const files = listFiles('src', ['.ts']);
  const longFiles = files
    .map((file) => ({ file, lineCount: readText(file).split('\n').length - 1 }))
    .filter(({ lineCount }) => lineCount > FILE_LINES)
    .map(({ file, lineCount }) => `${file}: ${lineCount} lines`);
  const longFunctions = files.flatMap((file) =>
    functionsOf(file)
      .filter(({ lineCount }) => lineCount > FUNCTION_LINES)
      .map(
        ({ name, line, lineCount }) => `${file}:${line}: ${name || 'function'}, ${lineCount} lines`,
      ),
  );
  if (longFiles.length + longFunctions.length > 0) {
    const listed = [...longFiles, ...longFunctions].map((line) => `  ${line}`).join('\n');
    console.info(`over ${FILE_LINES} lines a file or ${FUNCTION_LINES} a function:\n${listed}`);
  }
  expect(files.length).toBeGreaterThan(0);
});

test('functionsOf() measures functions by lines', () => {
  const found = functionsOf('test/house/size.test.ts');
  expect(found.length).toBeGreaterThan(5);
  expect(Math.max(...found.map(({ lineCount }) => lineCount))).toBeLessThan(FUNCTION_LINES);
});

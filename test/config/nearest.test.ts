/** findNearest and editDistance: what a message suggests. */
import { expect, test } from 'vitest';
import { editDistance, findNearest } from '../../src/config/nearest.ts';

test.each([
  ['', '', 0],
  ['a', '', 1],
  ['', 'ab', 2],
  ['port', 'port', 0],
  ['prot', 'port', 1],
  ['kitten', 'sitting', 3],
  ['ca', 'abc', 3],
])('editDistance(%j, %j) is %i', (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance);
  expect(editDistance(b, a)).toBe(distance);
});

const KNOWN = ['otlpHttpPort', 'otlpGrpcPort', 'apiPort', 'logLevel'];
test.each([
  ['otlpHtpPort', 'otlpHttpPort'],
  ['OTLPGRPCPORT', 'otlpGrpcPort'],
  ['loglevle', 'logLevel'],
  ['zzzzzz', undefined],
])('findNearest(%j) is %j', (name, nearest) => {
  expect(findNearest(name, KNOWN)).toBe(nearest);
});

test('findNearest() of nothing known is undefined', () => {
  expect(findNearest('a', [])).toBeUndefined();
});

/** Floors: imports go down only, packages and parts of Node stay in their rooms, nothing is circular or dead. */
import { describe, expect, test } from 'vitest';
import {
  CONFINED_MODULES,
  ENTRIES,
  ENVIRONMENT_ROOM,
  ROOMS,
  ROOMS_OF_TYPES,
  TEST_ONLY_FOLDERS,
} from './floors.ts';
import { exists, importsOf, listFiles, packageOf, readText, roomOf } from './tree.ts';

const files = listFiles('src', ['.ts']);
const importsOfFile = new Map(files.map((file) => [file, importsOf(file)]));

test('every file of src stands in a room', () => {
  const homeless = files.filter((file) => roomOf(file) === undefined);
  expect(homeless, 'edit test/house/floors.ts: give the room a floor, with an ADR').toEqual([]);
});

test('every room exists', () => {
  const absent = ROOMS.filter(({ name }) => !exists(`src/${name}`)).map(({ name }) => name);
  expect(absent, 'edit test/house/floors.ts: remove the room').toEqual([]);
});

describe.each(ROOMS)('room $name', (room) => {
  const own = files.filter((file) => roomOf(file) === room);
  const all = own.flatMap((importer) =>
    importsOfFile.get(importer)!.map((found) => ({ importer, ...found })),
  );

  test('imports only from lower floors', () => {
    const wrong = all.flatMap(({ importer, file }) => {
      const other = file === undefined ? room : roomOf(file);
      if (other === room || (other !== undefined && other.floor < room.floor)) return [];
      return [
        `${importer} (floor ${room.floor}) imports ${file} (floor ${other?.floor ?? 'unknown'}): move what both need to a lower floor, or hand it in as an argument`,
      ];
    });
    expect(wrong).toEqual([]);
  });

  test('imports only its packages', () => {
    const wrong = all.flatMap(({ importer, from }) => {
      const name = packageOf(from);
      if (name === undefined || room.packages.includes(name)) return [];
      return [
        `${importer} imports ${name}: allow it for ${room.name} in test/house/floors.ts, or move the code`,
      ];
    });
    expect(wrong).toEqual([]);
  });

  test('leaves confined parts of Node to their rooms', () => {
    const wrong = all
      .filter(({ from }) => CONFINED_MODULES.get(from)?.includes(room.name) === false)
      .map(
        ({ importer, from }) =>
          `${importer} imports ${from}: only ${CONFINED_MODULES.get(from)} may`,
      );
    expect(wrong).toEqual([]);
  });
});

test('every room with behaviour has tests', () => {
  const folders = ROOMS.map(({ name }) => name).filter((name) => !name.endsWith('.ts'));
  const untested = folders
    .filter((name) => !ROOMS_OF_TYPES.includes(name))
    .filter(
      (name) => !exists(`test/${name}`) || listFiles(`test/${name}`, ['.test.ts']).length === 0,
    );
  expect(untested, 'add test/<room>/<file>.test.ts').toEqual([]);
});

test(`only ${ENVIRONMENT_ROOM} reads process.env`, () => {
  const wrong = files
    .filter((file) => roomOf(file)?.name !== ENVIRONMENT_ROOM)
    .filter((file) => /\bprocess\.env\b/.test(readText(file)))
    .map(
      (file) =>
        `${file}: take what you need from src/config/environment.ts, handed in by the caller`,
    );
  expect(wrong).toEqual([]);
});

test('no package is allowed that no file imports', () => {
  const unused = ROOMS.flatMap((room) => {
    const used = new Set(
      files
        .filter((file) => roomOf(file) === room)
        .flatMap((file) => importsOfFile.get(file)!.map(({ from }) => packageOf(from))),
    );
    return room.packages.filter((name) => !used.has(name)).map((name) => `${room.name}: ${name}`);
  });
  expect(unused, 'edit test/house/floors.ts: remove the package from the room').toEqual([]);
});

test('imports of our own name files that exist', () => {
  const missing = files.flatMap((file) =>
    importsOfFile
      .get(file)!
      .filter((found) => found.file !== undefined && !exists(found.file))
      .map((found) => `${file}: ${found.from}`),
  );
  expect(missing).toEqual([]);
});

test('no file imports itself in a circle', () => {
  expect(findCycles(), 'break the circle: move what both need into a file of its own').toEqual([]);
});

test('no file is dead: each is reached from an entry', () => {
  const reached = new Set<string>();
  const pending = ENTRIES.filter((entry) => exists(entry));
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    for (const found of importsOfFile.get(file) ?? []) if (found.file) pending.push(found.file);
  }
  const dead = files.filter((file) => !reached.has(file));
  expect(dead, 'delete the file, or add it to ENTRIES in test/house/floors.ts').toEqual([]);
});

test('every folder of test mirrors a room of src', () => {
  const folders = new Set(listFiles('test', ['.test.ts']).map((file) => file.split('/')[1]!));
  const rooms = new Set(ROOMS.map(({ name }) => name.split('/')[0]!));
  const strays = [...folders].filter(
    (folder) => !rooms.has(folder) && !TEST_ONLY_FOLDERS.includes(folder),
  );
  expect(strays, 'move the tests, or edit TEST_ONLY_FOLDERS in test/house/floors.ts').toEqual([]);
});

/** Circles of imports, each as `a → b → a`; imports of types alone are erased and make none. */
function findCycles(): readonly string[] {
  const cycles: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const path: string[] = [];
  const visit = (file: string) => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') {
      cycles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      return;
    }
    state.set(file, 'open');
    path.push(file);
    for (const found of importsOfFile.get(file) ?? []) {
      if (found.file !== undefined && !found.isType) visit(found.file);
    }
    path.pop();
    state.set(file, 'done');
  };
  for (const file of files) visit(file);
  return cycles;
}

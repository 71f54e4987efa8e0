/** Turns the days of a closed store into files of format version 1, by what docs/storage.md said of that version. */
import fs from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { ByteWriter } from '../../src/store/sqlite/byte-stream.ts';
import { decodeRequests } from '../../src/store/sqlite/request-log.ts';

/** The files that were changed. */
export function makeVersion1(dataDir: string): readonly string[] {
  const folder = path.join(dataDir, 'telemetry');
  const names = fs.readdirSync(folder).filter((name) => name.endsWith('.db'));
  return names.map((name) => {
    const file = path.join(folder, name);
    const connection = new Database(file);
    connection.transaction(() => {
      const rows = connection.prepare('SELECT commit_id AS id, requests FROM commits').all();
      const update = connection.prepare('UPDATE commits SET requests = ? WHERE commit_id = ?');
      // the columns of the statement
      for (const { id, requests } of rows as readonly { id: number; requests: Buffer }[]) {
        update.run(encodeVersion1(requests), id);
      }
      connection.exec('ALTER TABLE commits DROP COLUMN receipt');
      connection.exec("UPDATE meta SET value = '1' WHERE key = 'format_version'");
    })();
    connection.close();
    return file;
  });
}

/** Whether a day of the store is of format version 1 still. */
export function hasVersion1(dataDir: string): boolean {
  const folder = path.join(dataDir, 'telemetry');
  return fs
    .readdirSync(folder)
    .filter((name) => name.endsWith('.db'))
    .some((name) => {
      const connection = new Database(path.join(folder, name), { readonly: true });
      try {
        const version = connection
          .prepare("SELECT value FROM meta WHERE key = 'format_version'")
          .pluck()
          .get();
        return version === '1';
      } finally {
        connection.close();
      }
    });
}

/** A hash and the days of its rows; which days is of no use to later versions. */
function encodeVersion1(bytes: Uint8Array): Uint8Array {
  const requests = decodeRequests(bytes);
  const writer = new ByteWriter();
  writer.varint(requests.length);
  for (const { hash } of requests) {
    writer.varint(hash.length);
    writer.raw(hash);
    writer.varint(2);
    for (const day of [20_454, 20_455]) writer.varint(day);
  }
  return writer.bytes();
}

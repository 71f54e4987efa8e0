/** Writes to one day's file: prepared statements, keys of endpoints and templates, one transaction per commit. */
import zlib from 'node:zlib';
import { LIMITS } from '../../base/limits.ts';
import { markStage } from '../../base/stages.ts';
import type { Endpoint, LogTemplate, Tally, TemplateTally } from '../../model/tally.ts';
import { STAGES } from '../../model/vocabulary.ts';
import { type EncodedBlock, SECTIONS_PER_BLOCK } from './block.ts';
import { type PackedSection, packSection } from './codec.ts';
import { type Day, dayFormat, dayPath } from './day-file.ts';
import type { DayPart } from './group-plan.ts';
import { encodeRequests } from './request-log.ts';
import {
  attempt,
  type Connection,
  inTransaction,
  openForWriting,
  type Statement,
} from './sqlite.ts';
import { encodeTallies, encodeTemplateTallies, type KeyedTally } from './tally-blob.ts';
import { operationColumnOf } from './tally-endpoint.ts';
import { ALL_BUCKETS, encodeSegment, type SegmentEntries, SegmentList } from './trace-segment.ts';

/** A block ready for the file: compressed outside the transaction. */
export interface PackedBlock {
  readonly block: Omit<EncodedBlock, 'sections'>;
  readonly sections: readonly (PackedSection & { readonly kind: number })[];
}

export function packBlock(encoded: EncodedBlock): PackedBlock {
  const { sections, ...block } = encoded;
  return {
    block,
    sections: sections.map((section) => ({
      kind: section.kind,
      ...packSection(section.bytes),
    })),
  };
}

/** What a commit added, stored with it so that it can be taken back when another day of its group fails. */
interface CommitReceipt {
  readonly groupId: string;
  readonly blockIds: readonly number[];
  readonly segmentIds: readonly number[];
  readonly tallyIds: readonly number[];
  readonly templateTallyIds: readonly number[];
}

export class DayWriter {
  readonly day: Day;
  readonly file: string;
  readonly connection: Connection;
  readonly #title: string;
  readonly #insertBlock: Statement;
  readonly #insertSection: Statement;
  readonly #insertSegment: Statement;
  readonly #insertTallies: Statement;
  readonly #insertTemplateTallies: Statement;
  readonly #insertTemplate: Statement;
  readonly #insertCommit: Statement;
  readonly #insertEndpoint: Statement;
  readonly #insertTemplateKey: Statement;
  /** Keys in the file; emptied when a transaction fails, since it may have taken some back. */
  readonly #endpointKeys = new Map<string, number>();
  readonly #templateKeys = new Map<string, number>();

  constructor(options: {
    readonly dataDir: string;
    readonly day: Day;
    readonly durability: 'disk' | 'process';
    readonly pagesMax?: number;
  }) {
    const { dataDir, day, ...rest } = options;
    const format = dayFormat(day);
    this.day = day;
    this.file = dayPath(dataDir, day);
    this.#title = format.title;
    this.connection = openForWriting(this.file, { format, ...rest });
    const prepare = (sql: string) => this.connection.prepare(sql);
    this.#insertBlock = prepare(
      'INSERT INTO blocks (block_id, signal, row_count, min_us, max_us, services, names) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#insertSection = prepare(
      'INSERT INTO sections (section_id, codec, raw_bytes, checksum, bytes) VALUES (?, ?, ?, ?, ?)',
    );
    this.#insertSegment = prepare(
      'INSERT INTO trace_segments (bucket, entry_count, checksum, bytes) VALUES (?, ?, ?, ?)',
    );
    this.#insertTallies = prepare(
      'INSERT INTO tallies (minute_us, checksum, bytes) VALUES (?, ?, ?)',
    );
    this.#insertTemplateTallies = prepare(
      'INSERT INTO template_tallies (minute_us, checksum, bytes) VALUES (?, ?, ?)',
    );
    this.#insertTemplate = prepare(
      // A template that is announced again has become more general.
      `INSERT INTO templates (template_id, service, text, first_seen_us) VALUES (?, ?, ?, ?)
       ON CONFLICT (template_id) DO UPDATE SET text = excluded.text`,
    );
    this.#insertCommit = prepare(
      'INSERT INTO commits (written_us, requests, receipt) VALUES (?, ?, ?)',
    );
    this.#insertEndpoint = prepare(
      `INSERT INTO endpoints (endpoint_id, service, operation, stage) VALUES (?, ?, ?, ?)
       ON CONFLICT (endpoint_id) DO UPDATE SET stage = excluded.stage RETURNING endpoint_key`,
    ).pluck();
    this.#insertTemplateKey = prepare(
      `INSERT INTO template_keys (template_id, service) VALUES (?, ?)
       ON CONFLICT (template_id, service) DO UPDATE SET service = excluded.service RETURNING template_key`,
    ).pluck();
  }

  /** Durable (as far as `durability` goes) on return. `groupId`: of a group that touches other days, too. */
  commit(
    part: DayPart,
    options: {
      readonly blocks: readonly PackedBlock[];
      readonly nowUs: number;
      readonly groupId: string | undefined;
    },
  ): void {
    const { blocks, nowUs, groupId } = options;
    try {
      inTransaction(this.connection, `write ${this.#title}`, () => {
        const entries = new SegmentList();
        const blockIds = blocks.map((block) => this.insertBlock(block, entries));
        for (const template of part.templates) {
          const { templateId, service, text, firstSeenUs } = template;
          this.#insertTemplate.run(templateId, service, text, firstSeenUs);
        }
        const added = {
          blockIds,
          segmentIds: entries.count > 0 ? [this.insertSegment(ALL_BUCKETS, entries.sorted())] : [],
          tallyIds: this.#writeTallies(part.tallies),
          templateTallyIds: this.#writeTemplateTallies(part.templateTallies),
        };
        const receipt = groupId === undefined ? null : JSON.stringify({ groupId, ...added });
        this.#insertCommit.run(nowUs, encodeRequests(part.requests), receipt);
        markStage('commit');
      });
      markStage('committed');
    } catch (error) {
      this.#endpointKeys.clear();
      this.#templateKeys.clear();
      throw error;
    }
  }

  hasCommit(groupId: string): boolean {
    return this.#findReceipt(groupId) !== undefined;
  }

  /** Takes a group's commit back, if there is one. Templates and keys stay: they say nothing by themselves. */
  undo(groupId: string): void {
    inTransaction(this.connection, `take back a part of ${this.#title}`, () => {
      const receipt = this.#findReceipt(groupId);
      if (!receipt) return;
      for (const blockId of receipt.blockIds) this.deleteBlock(blockId);
      this.deleteSegments(receipt.segmentIds);
      this.deleteTallyBlobs('tallies', receipt.tallyIds);
      this.deleteTallyBlobs('template_tallies', receipt.templateTallyIds);
      this.#deleteRows('commits WHERE commit_id', [receipt.commitId]);
    });
  }

  #findReceipt(groupId: string): (CommitReceipt & { readonly commitId: number }) | undefined {
    const row = attempt(`read commits of ${this.#title}`, () =>
      this.connection
        .prepare(
          `SELECT commit_id AS commitId, receipt FROM commits
           WHERE receipt ->> '$.groupId' = ?`,
        )
        .get(groupId),
    ) as { readonly commitId: number; readonly receipt: string } | undefined; // the columns of the statement
    if (!row) return undefined;
    const receipt = JSON.parse(row.receipt) as CommitReceipt; // as commit() wrote it
    return { ...receipt, commitId: row.commitId };
  }

  /** Inside a transaction. Adds the block's traces to `entries`. */
  insertBlock({ block, sections }: PackedBlock, entries: SegmentList): number {
    const blockId = this.insertHeader(null, block);
    for (const { kind, codec, rawBytes, checksum, bytes } of sections) {
      const sectionId = blockId * SECTIONS_PER_BLOCK + kind;
      this.#insertSection.run(sectionId, codec, rawBytes, checksum, bytes);
    }
    let previous = -1;
    for (const hash of block.traceHashes) {
      if (hash !== previous) entries.add(hash, blockId);
      previous = hash;
    }
    return blockId;
  }

  /** Inside a transaction. Without an id the block gets the next one. */
  insertHeader(blockId: number | null, block: PackedBlock['block']): number {
    const { signal, rowCount, minUs, maxUs, services, names } = block;
    const lists = [JSON.stringify(services), shortList(names)] as const;
    return rowIdOf(this.#insertBlock.run(blockId, signal, rowCount, minUs, maxUs, ...lists));
  }

  /** Inside a transaction. */
  deleteBlock(blockId: number): void {
    const from = blockId * SECTIONS_PER_BLOCK;
    this.connection
      .prepare('DELETE FROM sections WHERE section_id >= ? AND section_id < ?')
      .run(from, from + SECTIONS_PER_BLOCK);
    this.connection.prepare('DELETE FROM blocks WHERE block_id = ?').run(blockId);
  }

  /** Inside a transaction. */
  insertSegment(bucket: number, entries: SegmentEntries): number {
    const bytes = encodeSegment(entries);
    const count = entries.hashes.length;
    return rowIdOf(this.#insertSegment.run(bucket, count, zlib.crc32(bytes), bytes));
  }

  /** Inside a transaction. */
  insertTallyBlob(
    table: 'tallies' | 'template_tallies',
    minuteUs: number,
    bytes: Uint8Array,
  ): number {
    const insert = table === 'tallies' ? this.#insertTallies : this.#insertTemplateTallies;
    return rowIdOf(insert.run(minuteUs, zlib.crc32(bytes), bytes));
  }

  /** Inside a transaction. */
  deleteSegments(segmentIds: readonly number[]): void {
    this.#deleteRows('trace_segments WHERE segment_id', segmentIds);
  }

  /** Inside a transaction. */
  deleteTallyBlobs(table: 'tallies' | 'template_tallies', tallyIds: readonly number[]): void {
    this.#deleteRows(`${table} WHERE tally_id`, tallyIds);
  }

  templates(): readonly LogTemplate[] {
    return attempt(`read log templates of ${this.#title}`, () =>
      this.connection
        .prepare(
          `SELECT template_id AS templateId, service, text, first_seen_us AS firstSeenUs
           FROM templates`,
        )
        .all(),
    ) as readonly LogTemplate[]; // the columns are TEXT, TEXT, TEXT, INTEGER, all NOT NULL
  }

  /** Templates of another day; of two equal ones the first sight counts. */
  addTemplates(templates: readonly LogTemplate[]): void {
    inTransaction(this.connection, `write log templates of ${this.#title}`, () => {
      const insert = this.connection.prepare(
        `INSERT INTO templates (template_id, service, text, first_seen_us) VALUES (?, ?, ?, ?)
         ON CONFLICT (template_id) DO UPDATE
         SET first_seen_us = MIN(first_seen_us, excluded.first_seen_us)`,
      );
      for (const { templateId, service, text, firstSeenUs } of templates) {
        insert.run(templateId, service, text, firstSeenUs);
      }
    });
  }

  /** Commits whose requests are not forgotten, in order. */
  loadCommits(): readonly { readonly writtenUs: number; readonly requests: Uint8Array }[] {
    return attempt(`read requests of ${this.#title}`, () =>
      this.connection
        .prepare('SELECT written_us AS writtenUs, requests FROM commits ORDER BY commit_id')
        .all(),
    ) as readonly { readonly writtenUs: number; readonly requests: Buffer }[]; // INTEGER and BLOB, NOT NULL
  }

  /** Forgets requests of commits before then: nobody re-sends them any more. */
  forgetRequests(beforeUs: number): void {
    inTransaction(this.connection, `forget requests of ${this.#title}`, () => {
      this.connection.prepare('DELETE FROM commits WHERE written_us < ?').run(beforeUs);
    });
  }

  close(): void {
    this.connection.close();
  }

  #writeTallies(tallies: readonly Tally[]): readonly number[] {
    return byMinute(tallies).map(([minuteUs, group]) => {
      const whole: KeyedTally[] = [];
      const slices: KeyedTally[] = [];
      for (const { endpoint, count, errorCount, sketch } of group) {
        const endpointKey = this.#endpointKey(endpoint);
        const list = endpoint.slice === undefined ? whole : slices;
        list.push({ endpointKey, count, errorCount, ...sketch });
      }
      return this.insertTallyBlob('tallies', minuteUs, encodeTallies({ whole, slices }));
    });
  }

  #writeTemplateTallies(tallies: readonly TemplateTally[]): readonly number[] {
    return byMinute(tallies).map(([minuteUs, group]) => {
      const keyed = group.map(({ templateId, service, count, severityMax }) => ({
        templateKey: this.#templateKey(templateId, service),
        count,
        severityMax,
      }));
      return this.insertTallyBlob('template_tallies', minuteUs, encodeTemplateTallies(keyed));
    });
  }

  #endpointKey(endpoint: Endpoint): number {
    const { endpointId, service, stage } = endpoint;
    let key = this.#endpointKeys.get(endpointId);
    if (key === undefined) {
      if (this.#endpointKeys.size >= LIMITS.storeKeysCachedMax) this.#endpointKeys.clear();
      const operation = operationColumnOf(endpoint);
      key = Number(this.#insertEndpoint.get(endpointId, service, operation, STAGES.indexOf(stage)));
      this.#endpointKeys.set(endpointId, key);
    }
    return key;
  }

  #templateKey(templateId: string, service: string): number {
    const name = `${templateId}\0${service}`;
    let key = this.#templateKeys.get(name);
    if (key === undefined) {
      if (this.#templateKeys.size >= LIMITS.storeKeysCachedMax) this.#templateKeys.clear();
      key = Number(this.#insertTemplateKey.get(templateId, service));
      this.#templateKeys.set(name, key);
    }
    return key;
  }

  /** `place` is a table and its key column, from this file only. */
  #deleteRows(place: string, ids: readonly number[]): void {
    const remove = this.connection.prepare(`DELETE FROM ${place} = ?`);
    for (const id of ids) remove.run(id);
  }
}

/** Header lists are read for every block of a range; one that is longer skips nothing, so it is left out. */
const NAMES_CHARS_MAX = 16 * 1024;

function shortList(names: readonly string[]): string {
  const json = JSON.stringify(names);
  return json.length > NAMES_CHARS_MAX ? '' : json;
}

function rowIdOf(result: { readonly lastInsertRowid: number | bigint }): number {
  return Number(result.lastInsertRowid);
}

function byMinute<T extends { readonly minuteUs: number }>(
  items: readonly T[],
): readonly (readonly [number, readonly T[]])[] {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const group = groups.get(item.minuteUs);
    if (group) group.push(item);
    else groups.set(item.minuteUs, [item]);
  }
  return [...groups];
}

/**
 * The names behind the keys in tallies of a day, kept between reads: a tick reads one minute after the other, and reading
 * 40 000 endpoints anew takes 65 ms of CPU each time, the check that they are the same 3 ms.
 */
import type { Endpoint } from '../../model/tally.ts';
import type { Connection } from './sqlite.ts';
import { type EndpointRow, endpointOf, sliceEndpointOf } from './tally-endpoint.ts';

export interface TemplateKey {
  readonly templateId: string;
  readonly service: string;
}

/** Of an open day. What it gives holds for the transaction in which it was asked for. */
export class TallyKeys {
  readonly #connection: Connection;
  #endpointMark = '';
  #rows: ReadonlyMap<number, EndpointRow> = new Map();
  readonly #endpoints = new Map<number, Endpoint>();
  readonly #slices = new Map<number, Endpoint>();
  #templateMark = '';
  #templates: ReadonlyMap<number, TemplateKey> = new Map();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** To be called before tallies are read. */
  refreshEndpoints(): void {
    // Rows are added and never removed; of a row only the stage may change.
    const mark = this.#markOf('SELECT count(*) || total(endpoint_key * stage) FROM endpoints');
    if (mark === this.#endpointMark) return;
    this.#endpointMark = mark;
    const rows = this.#connection
      .prepare('SELECT endpoint_key, endpoint_id, service, operation, stage FROM endpoints')
      .all() as readonly EndpointRow[]; // the columns of the statement
    this.#rows = new Map(rows.map((row) => [row.endpoint_key, row]));
    this.#endpoints.clear();
    this.#slices.clear();
  }

  endpoint(key: number): Endpoint {
    return this.#endpointOf(key, { known: this.#endpoints, read: endpointOf });
  }

  slice(key: number): Endpoint {
    return this.#endpointOf(key, { known: this.#slices, read: sliceEndpointOf });
  }

  /** To be called before template tallies are read. */
  refreshTemplates(): void {
    const mark = this.#markOf('SELECT count(*) FROM template_keys');
    if (mark === this.#templateMark) return;
    this.#templateMark = mark;
    const rows = this.#connection
      .prepare('SELECT template_key, template_id AS templateId, service FROM template_keys')
      .all() as readonly (TemplateKey & { readonly template_key: number })[]; // the columns
    this.#templates = new Map(
      rows.map(({ template_key, templateId, service }) => [template_key, { templateId, service }]),
    );
  }

  template(key: number): TemplateKey {
    const template = this.#templates.get(key);
    if (!template) throw new RangeError(`there is no template ${key}`);
    return template;
  }

  /** Each row is read as an endpoint once. */
  #endpointOf(
    key: number,
    as: { readonly known: Map<number, Endpoint>; readonly read: (row: EndpointRow) => Endpoint },
  ): Endpoint {
    let endpoint = as.known.get(key);
    if (endpoint === undefined) {
      const row = this.#rows.get(key);
      if (!row) throw new RangeError(`there is no endpoint ${key}`);
      endpoint = as.read(row);
      as.known.set(key, endpoint);
    }
    return endpoint;
  }

  #markOf(sql: string): string {
    return String(this.#connection.prepare(sql).pluck().get());
  }
}

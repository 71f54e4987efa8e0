/**
 * What kind of infrastructure an outgoing call uses, and what it talks to as short text:
 * `db postgresql orders-db:5432`, `http api.weather.example`, `mq kafka orders`.
 */

import type { StringDictionary } from '../model/dictionary.ts';
import { INFRA_KINDS, type InfraKind, SPAN_KIND } from '../model/vocabulary.ts';
import { ById } from './by-id.ts';
import { fieldIndex } from './fields.ts';
import { type FieldSlots, SIGN } from './slots.ts';
import { CACHES, CONFIG_STORES } from './stage-rules.ts';

const FIELD = {
  dbSystem: fieldIndex('~dbSystem'),
  dbName: fieldIndex('~dbName'),
  mqSystem: fieldIndex('~mqSystem'),
  mqDestination: fieldIndex('~mqDestination'),
  rpcSystem: fieldIndex('~rpcSystem'),
  rpcService: fieldIndex('~rpcService'),
  peerService: fieldIndex('~peerService'),
  host: fieldIndex('~host'),
  port: fieldIndex('~port'),
  url: fieldIndex('~url'),
  route: fieldIndex('~route'),
  httpMethod: fieldIndex('~httpMethod'),
  dnsName: fieldIndex('~dnsName'),
};

const INFRA = Object.fromEntries(INFRA_KINDS.map((kind, index) => [kind, index])) as Record<
  InfraKind,
  number
>;
/** Ports that say nothing beside their protocol. */
const WEB_PORTS = new Set([80, 443]);
const TARGET_MAX = 160;
/** Named targets that are remembered, a power of two; services call tens of places, not thousands. */
const NAMED_SLOTS = 1024;
const NOT_NAMED = -1;

/** Names of the calls of one dictionary; hosts of URLs are found once per URL. */
export class TargetNamer {
  readonly #strings: StringDictionary;
  readonly #slots: FieldSlots;
  /** Targets named before: slot → infra, system, place, port, and beside it the target's string id. */
  readonly #namedCalls = new Uint32Array(4 * NAMED_SLOTS);
  readonly #namedTargets = new Int32Array(NAMED_SLOTS).fill(NOT_NAMED);
  /** Kind of infrastructure by the id of a system's name. */
  readonly #infraOfSystem: ById;
  /** String id of a URL's host by the URL's id. */
  readonly #hostOfUrl: ById;

  constructor(strings: StringDictionary, slots: FieldSlots) {
    this.#strings = strings;
    this.#slots = slots;
    this.#infraOfSystem = new ById((id) => infraOfSystem(strings.text(id)));
    this.#hostOfUrl = new ById((id) => strings.idOfString(hostOfUrl(strings.text(id))));
  }

  /** Index into INFRA_KINDS. `nameInfra` is what the span's name says. */
  infraOf(kind: number, nameInfra: number): number {
    const slots = this.#slots;
    if (nameInfra === 0 && (slots.signs & SIGN.call) === 0) return INFRA.none;
    const isOutgoing = kind === SPAN_KIND.client || kind === SPAN_KIND.producer;
    const dbSystem = slots.valueOf(FIELD.dbSystem);
    if (dbSystem !== 0) return this.#infraOfSystem.of(dbSystem);
    // who takes a message from a queue works for itself
    if (kind === SPAN_KIND.server || kind === SPAN_KIND.consumer) return INFRA.none;
    if (slots.has(FIELD.mqSystem)) return INFRA.mq;
    if (slots.has(FIELD.dnsName)) return INFRA.dns;
    const isRemote = isOutgoing || slots.has(FIELD.host) || slots.has(FIELD.peerService);
    if (nameInfra !== 0 && (isRemote || nameInfra === INFRA.dns)) return nameInfra;
    if (slots.has(FIELD.rpcSystem)) return isRemote ? INFRA.rpc : INFRA.none;
    const isHttp = slots.has(FIELD.url) || slots.has(FIELD.httpMethod);
    if (isHttp && isRemote && !slots.has(FIELD.route)) return INFRA.http;
    return INFRA.none;
  }

  /** String id of the target's text; 0 for a span that calls nothing. Hot: once per outgoing span. */
  targetOf(kind: number, infra: number): number {
    const slots = this.#slots;
    if ((slots.signs & SIGN.call) === 0) return 0;
    const isOutgoing = kind === SPAN_KIND.client || kind === SPAN_KIND.producer;
    if (!isOutgoing && infra === INFRA.none) return 0;
    const system = slots.valueOf(systemField(infra));
    const place = this.#placeOf(infra);
    if (place === 0 && system === 0) return 0;
    const isHost = place !== 0 && place === slots.valueOf(FIELD.host);
    const port = isHost ? slots.valueOf(FIELD.port) : 0;
    const slot = (infra ^ (system << 3) ^ Math.imul(place, 0x9e3779b1) ^ port) & (NAMED_SLOTS - 1);
    const calls = this.#namedCalls;
    const at = 4 * slot;
    const isNamed =
      calls[at] === infra &&
      calls[at + 1] === system &&
      calls[at + 2] === place &&
      calls[at + 3] === port;
    const known = this.#namedTargets[slot]!;
    if (isNamed && known !== NOT_NAMED) return known;
    const target = this.#strings.idOfString(this.#format({ infra, system, place, port }));
    calls[at] = infra;
    calls[at + 1] = system;
    calls[at + 2] = place;
    calls[at + 3] = port;
    this.#namedTargets[slot] = target;
    return target;
  }

  /** String id of what names the other side. */
  #placeOf(infra: number): number {
    const slots = this.#slots;
    if (infra === INFRA.mq) {
      const destination = slots.valueOf(FIELD.mqDestination);
      if (destination !== 0) return destination;
    }
    if (infra === INFRA.dns) return slots.valueOf(FIELD.dnsName);
    if (infra === INFRA.rpc) {
      return (
        slots.valueOf(FIELD.peerService) ||
        slots.valueOf(FIELD.rpcService) ||
        slots.valueOf(FIELD.host)
      );
    }
    if (infra === INFRA.db || infra === INFRA.cache) {
      return (
        slots.valueOf(FIELD.host) || slots.valueOf(FIELD.peerService) || slots.valueOf(FIELD.dbName)
      );
    }
    const host = slots.valueOf(FIELD.host) || slots.valueOf(FIELD.peerService);
    if (host !== 0) return host;
    const url = slots.valueOf(FIELD.url);
    return url === 0 ? 0 : this.#hostOfUrl.of(url);
  }

  #format(call: {
    readonly infra: number;
    readonly system: number;
    readonly place: number;
    readonly port: number;
  }): string {
    const kind = INFRA_KINDS[call.infra] ?? 'none';
    const place = this.#strings.text(call.place);
    const showsPort = call.port > 0 && !place.includes(':') && !WEB_PORTS.has(call.port);
    const words = [
      kind === 'none' ? '' : kind,
      showsSystem(call.infra) ? this.#strings.text(call.system) : '',
      showsPort ? `${place}:${call.port}` : place,
    ];
    return words
      .filter((word) => word !== '')
      .join(' ')
      .slice(0, TARGET_MAX);
  }
}

/** `host[:port]` of a URL, lower-case, without user and default port; empty when it has none. */
export function hostOfUrl(url: string): string {
  const start = url.indexOf('://');
  if (start < 0) return '';
  const authority = /^[^/?#]*/.exec(url.slice(start + 3, start + 3 + 512))?.[0] ?? '';
  const host = authority.slice(authority.lastIndexOf('@') + 1).toLowerCase();
  return host.replace(/:(?:80|443)$/, '');
}

/** Path of a URL without query; `/` when it has none. */
export function pathOfUrl(url: string): string {
  const start = url.indexOf('://');
  const slash = start < 0 ? url.indexOf('/') : url.indexOf('/', start + 3);
  if (slash < 0) return '/';
  return /^[^?#]*/.exec(url.slice(slash))?.[0] ?? '/';
}

/** Host without its port, lower-case. */
export function hostWithoutPort(host: string): string {
  return host.startsWith('[') ? host.toLowerCase() : host.replace(/:\d+$/, '').toLowerCase();
}

function infraOfSystem(system: string): number {
  if (CACHES.has(system)) return INFRA.cache;
  return CONFIG_STORES.has(system) ? INFRA.config : INFRA.db;
}

function systemField(infra: number): number {
  if (infra === INFRA.mq) return FIELD.mqSystem;
  return infra === INFRA.rpc ? FIELD.rpcSystem : FIELD.dbSystem;
}

function showsSystem(infra: number): boolean {
  return (
    infra === INFRA.db || infra === INFRA.cache || infra === INFRA.mq || infra === INFRA.config
  );
}

/** A minute as the watches see it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { US_PER_MINUTE } from '../../src/base/time.ts';
import type { ChangeEvent } from '../../src/model/anomaly.ts';
import { endpointIdOf, type Tally, type TemplateTally } from '../../src/model/tally.ts';
import { SELF_SERVICE } from '../../src/model/vocabulary.ts';
import { MinuteReader } from '../../src/pipeline/minute.ts';
import type { StateStore } from '../../src/store/api/state.ts';
import type { TelemetryReader, TelemetryWriter } from '../../src/store/api/telemetry.ts';
import { openStateStore, openTelemetryReader, openTelemetryWriter } from '../../src/store/open.ts';
import { emptyGroup, NOON_US, withRequest } from '../store/generate.ts';

let dataDir: string;
let writer: TelemetryWriter;
let telemetry: TelemetryReader;
let state: StateStore;
let groupCount = 0;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'taproot-minute-'));
  writer = openTelemetryWriter({ dataDir, durability: 'process' });
  telemetry = openTelemetryReader({ dataDir });
  state = openStateStore({ dataDir });
});

afterEach(() => {
  telemetry.close();
  state.close();
  writer.close();
  rmSync(dataDir, { recursive: true });
});

/** A request and a line of each service, in the minute from noon on. */
function send(...services: readonly string[]): void {
  const tallies = services.map((service): Tally => {
    const endpointId = endpointIdOf(service, 'chat');
    return {
      endpoint: { endpointId, service, operation: 'chat', stage: 'other' },
      minuteUs: NOON_US,
      count: 1,
      errorCount: 0,
      sketch: { buckets: [300], counts: [1] },
    };
  });
  const templateTallies = services.map(
    (service): TemplateTally => ({
      templateId: endpointIdOf(service, 'line'),
      service,
      minuteUs: NOON_US,
      count: 1,
      severityMax: 9,
    }),
  );
  writer.write(withRequest({ ...emptyGroup(), tallies, templateTallies }, groupCount++));
}

describe('MinuteReader.read()', () => {
  it('tells endpoints and log templates of the changes of the minute', () => {
    const deploy = (changeId: string, timeUs: number): ChangeEvent => ({
      ...{ changeId, timeUs, kind: 'deploy', service: 'bot', description: '', attributes: {} },
    });
    state.saveChange(deploy('before', NOON_US - 1));
    state.saveChange(deploy('now', NOON_US + US_PER_MINUTE - 1));
    state.saveChange(deploy('after', NOON_US + US_PER_MINUTE));
    const { endpoints, templates } = new MinuteReader({ telemetry, state }).read(NOON_US);
    expect(endpoints.changes.map(({ changeId }) => changeId)).toEqual(['now']);
    expect(templates.changes?.map(({ changeId }) => changeId)).toEqual(['now']);
  });

  it('leaves our own telemetry out, which is a sign of life all the same', () => {
    const minutes = new MinuteReader({ telemetry, state });
    expect(minutes.read(NOON_US).isEmpty).toBe(true);
    send(SELF_SERVICE);
    const own = minutes.read(NOON_US);
    expect(own.isEmpty).toBe(false);
    expect([...own.endpoints.tallies, ...own.templates.tallies]).toEqual([]);
    send('bot');
    const both = minutes.read(NOON_US);
    expect(both.endpoints.tallies.map(({ endpoint }) => endpoint.service)).toEqual(['bot']);
    expect(both.templates.tallies.map(({ service }) => service)).toEqual(['bot']);
  });
});

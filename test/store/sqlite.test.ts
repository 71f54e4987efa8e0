import { openTelemetryReader, openTelemetryWriter } from '../../src/store/open.ts';
import { describeTelemetryStore } from './battery.ts';

describeTelemetryStore('SQLite telemetry store', {
  openWriter: (dataDir) => openTelemetryWriter({ dataDir, durability: 'process' }),
  openReader: (dataDir) => openTelemetryReader({ dataDir }),
});

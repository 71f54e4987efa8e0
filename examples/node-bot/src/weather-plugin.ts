/** The weather plugin: a service of its own behind POST /execute, as Coze calls plugins. */
import type { IncomingHttpHeaders } from 'node:http';
import type { FaultBoard } from './faults.ts';
import { type HttpCall, type RunningHttpServer, startHttpServer } from './http-server.ts';
import { createRandom, hashOf } from './random.ts';
import type { Telemetry } from './telemetry.ts';
import { wait } from './wait.ts';

/** Which attempt of a call this is, counted from 0; sent by the bot. */
export const ATTEMPT_HEADER = 'x-retry-attempt';

const SKIES = ['晴', '多云', '小雨', 'sunny', 'cloudy', 'light rain'] as const;

export function startWeatherPlugin(options: {
  readonly host: string;
  readonly seed: number;
  readonly faults: FaultBoard;
  readonly telemetry: Telemetry;
}): Promise<RunningHttpServer> {
  const { faults, telemetry } = options;
  const random = createRandom(options.seed);
  const handle = async (call: HttpCall) => {
    if (faults.active('retry_storm_http_200') !== undefined && attemptOf(call.headers) === 1) {
      telemetry.log.warn('weather provider restarting, try again');
      return { status: 503, body: { code: 503, msg: 'restarting' } };
    }
    const overLimitMs = faults.active('plugin_over_limit')?.ms;
    await wait(
      overLimitMs === undefined ? random.latencyMs(45) : random.latencyMs(overLimitMs, 0.01),
    );
    const city = cityOf(call.body);
    const forecast = createRandom(hashOf(city));
    const result = { city, celsius: 8 + forecast.below(25), sky: forecast.pick(SKIES) };
    telemetry.log.info(`weather of ${city} looked up`, { 'plugin.id': 'weather_v2' });
    return { status: 200, body: { code: 0, data: result } };
  };
  return startHttpServer({
    host: options.host,
    port: 0,
    telemetry,
    routes: [{ method: 'POST', path: '/execute', isTraced: true, handle }],
    // A dead worker behind the plugin's address swallows first attempts: no answer, no server span.
    isLost: (headers) =>
      faults.active('retry_storm_http_200') !== undefined && attemptOf(headers) === 0,
  });
}

function attemptOf(headers: IncomingHttpHeaders): number {
  return Number(headers[ATTEMPT_HEADER] ?? 0);
}

function cityOf(body: unknown): string {
  const city = (body as { arguments?: { city?: unknown } } | undefined)?.arguments?.city;
  return typeof city === 'string' ? city : '北京';
}

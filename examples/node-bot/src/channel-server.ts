/** The messengers' side: takes replies for Feishu, WeChat and the web widget. Not a service of ours: no telemetry. */
import { type HttpCall, type RunningHttpServer, startHttpServer } from './http-server.ts';
import { createRandom } from './random.ts';
import { wait } from './wait.ts';

const MEDIAN_MS: Readonly<Record<string, number>> = { feishu: 14, wechat: 20, web: 6 };

export function startChannelServer(options: {
  readonly host: string;
  readonly seed: number;
}): Promise<RunningHttpServer> {
  const random = createRandom(options.seed);
  const handle = async (call: HttpCall) => {
    await wait(random.latencyMs(MEDIAN_MS[call.query.get('channel') ?? 'web'] ?? 10));
    return { status: 200, body: { code: 0, msg: 'ok' } };
  };
  return startHttpServer({
    host: options.host,
    port: 0,
    routes: [{ method: 'POST', path: '/messages', handle }],
  });
}

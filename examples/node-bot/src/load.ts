/**
 * Users of the bot: an open stream of messages with Poisson arrivals, whose rate follows a day that is compressed to
 * dayLengthSeconds. Open means that a slow bot does not slow the users down.
 */
import { Agent, request as httpRequest } from 'node:http';
import { createRandom, type Random } from './random.ts';

export interface LoadOptions {
  /** Base URL of the bot. */
  readonly url: string;
  /** Mean over a day. */
  readonly ratePerSecond: number;
  readonly seed: number;
  readonly dayLengthSeconds: number;
  /** Requests that may wait for an answer; further ones are not sent but counted. */
  readonly inFlightMax?: number;
}

export interface LoadStats {
  readonly sent: number;
  readonly ok: number;
  /** Answers other than 200, or 200 with a code other than 0. */
  readonly failed: number;
  /** No answer at all. */
  readonly broken: number;
  readonly skipped: number;
  readonly inFlight: number;
}

export interface RunningLoad {
  stats(): LoadStats;
  /** Sends no more and waits for the answers that are still due. */
  stop(): Promise<LoadStats>;
}

const IN_FLIGHT_MAX = 1000;
const REQUEST_TIMEOUT_MS = 30_000;
const USERS = 400;
const BOTS = ['7348293401234567890', '7348293401234567891', '7351120987654321002'] as const;
const CHANNELS = ['feishu', 'wechat', 'web'] as const;

/** Messages by how often they come: orders 40 %, weather 30 %, questions 20 %, small talk 10 %. */
const MESSAGES = {
  order: [
    '我的订单到哪了?',
    '快递什么时候到',
    'Where is my order?',
    '查一下物流',
    'Track my parcel',
  ],
  weather: [
    '深圳明天天气怎么样',
    '北京会下雨吗',
    'Weather in London?',
    '上海气温多少',
    'Rain in Singapore?',
  ],
  question: [
    '退款多久到账',
    '怎么开发票',
    'How long is the warranty?',
    '积分怎么用',
    'How do I get a refund?',
  ],
  talk: ['你好', '谢谢', 'Good morning', '你会做什么'],
} as const;

export function startLoad(options: LoadOptions): RunningLoad {
  const random = createRandom(options.seed);
  const agent = new Agent({ keepAlive: true });
  const startedAt = performance.now();
  const counts = { sent: 0, ok: 0, failed: 0, broken: 0, skipped: 0, inFlight: 0 };
  let timer: NodeJS.Timeout | undefined;
  let nextAtMs = 0;
  let isStopped = false;
  let onIdle: (() => void) | undefined;

  const fire = async (): Promise<void> => {
    if (counts.inFlight >= (options.inFlightMax ?? IN_FLIGHT_MAX)) {
      counts.skipped += 1;
      return;
    }
    counts.sent += 1;
    counts.inFlight += 1;
    const event = buildEvent(random, counts.sent);
    const outcome = await post(`${options.url}/coze/webhook`, { event, agent });
    counts[outcome] += 1;
    counts.inFlight -= 1;
    if (counts.inFlight === 0) onIdle?.();
  };
  const schedule = (): void => {
    const elapsedMs = performance.now() - startedAt;
    const rate = options.ratePerSecond * dayShape(elapsedMs / 1000 / options.dayLengthSeconds);
    nextAtMs += random.gapMs(rate);
    timer = setTimeout(
      () => {
        void fire();
        if (!isStopped) schedule();
      },
      Math.max(0, nextAtMs - elapsedMs),
    );
  };
  schedule();
  return {
    stats: () => ({ ...counts }),
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      if (counts.inFlight > 0) {
        await new Promise<void>((resolve) => {
          onIdle = resolve;
        });
      }
      agent.destroy();
      return { ...counts };
    },
  };
}

/**
 * Rate of a time of day relative to the day's mean, from 0.6 to 1.4: quiet nights, a morning rise, a peak in the
 * evening. `day` counts days; 0 is nine in the morning, so that a run starts near the mean.
 */
export function dayShape(day: number): number {
  const angle = 2 * Math.PI * day;
  return 1 + 0.3 * Math.sin(angle) + 0.1 * Math.sin(2 * angle);
}

export interface WebhookEvent {
  readonly header: { readonly event_type: string; readonly event_id: string };
  readonly event: Readonly<Record<string, string>>;
}

/** The same seed and number give the same event. */
export function buildEvent(random: Random, number: number): WebhookEvent {
  const user = random.below(USERS);
  const share = random.next();
  const kind = share < 0.4 ? 'order' : share < 0.7 ? 'weather' : share < 0.9 ? 'question' : 'talk';
  const eventId = `evt-${number.toString(36)}-${random.below(0xffff_ffff).toString(16)}`;
  return {
    header: { event_type: 'message_create', event_id: eventId },
    event: {
      bot_id: BOTS[user % BOTS.length] ?? BOTS[0],
      conversation_id: `conv-${user}-${random.below(3)}`,
      user_id: `user-${user}`,
      // Users keep to a channel.
      channel: CHANNELS[(user >> 2) % CHANNELS.length] ?? 'web',
      text: random.pick(MESSAGES[kind]),
    },
  };
}

function post(
  url: string,
  { event, agent }: { readonly event: WebhookEvent; readonly agent: Agent },
): Promise<'ok' | 'failed' | 'broken'> {
  const payload = JSON.stringify(event);
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(payload),
  };
  return new Promise((resolve) => {
    const options = { method: 'POST', headers, agent, timeout: REQUEST_TIMEOUT_MS };
    const request = httpRequest(url, options, (response) => {
      response.setEncoding('utf8');
      let text = '';
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(isSuccess(response.statusCode, text) ? 'ok' : 'failed'));
      response.on('error', () => resolve('broken'));
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', () => resolve('broken'));
    request.end(payload);
  });
}

function isSuccess(status: number | undefined, text: string): boolean {
  return status === 200 && text.startsWith('{"code":0,');
}

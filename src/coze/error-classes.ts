/** Coze's error codes → classes of failure, as data. A code alone does not always classify: see 4013. */

interface CodeRange {
  readonly from: number;
  /** Last code of the range. */
  readonly to: number;
  readonly errorClass: string;
}

const RANGES: readonly CodeRange[] = [
  { from: 400, to: 400, errorClass: 'client.bad_request' },
  { from: 401, to: 401, errorClass: 'auth' },
  { from: 403, to: 403, errorClass: 'auth' },
  { from: 404, to: 404, errorClass: 'config.unpublished' },
  { from: 408, to: 408, errorClass: 'timeout' },
  { from: 429, to: 429, errorClass: 'rate_limit' },
  { from: 500, to: 599, errorClass: 'platform' },
  { from: 4000, to: 4007, errorClass: 'client.bad_request' },
  { from: 4008, to: 4008, errorClass: 'quota' },
  { from: 4009, to: 4009, errorClass: 'rate_limit' },
  { from: 4010, to: 4010, errorClass: 'llm.context_overflow' },
  { from: 4011, to: 4011, errorClass: 'quota.balance' },
  { from: 4012, to: 4012, errorClass: 'llm.config' },
  { from: 4014, to: 4014, errorClass: 'llm.refused' },
  { from: 4015, to: 4015, errorClass: 'config.unpublished' },
  { from: 4016, to: 4016, errorClass: 'concurrency' },
  { from: 4019, to: 4019, errorClass: 'quota.balance' },
  { from: 4020, to: 4020, errorClass: 'rate_limit' },
  { from: 4021, to: 4021, errorClass: 'config' },
  { from: 4022, to: 4022, errorClass: 'llm.config' },
  { from: 4027, to: 4028, errorClass: 'quota.balance' },
  { from: 4029, to: 4029, errorClass: 'session' },
  { from: 4100, to: 4101, errorClass: 'auth' },
  { from: 4102, to: 4102, errorClass: 'policy' },
  { from: 4104, to: 4104, errorClass: 'state' },
  { from: 4105, to: 4105, errorClass: 'policy' },
  { from: 4200, to: 4200, errorClass: 'config.unpublished' },
  { from: 4300, to: 4304, errorClass: 'client.file' },
  { from: 4314, to: 4315, errorClass: 'client.file' },
  { from: 5000, to: 5000, errorClass: 'platform' },
  { from: 6003, to: 6039, errorClass: 'workflow' },
  { from: 103_000_000, to: 103_299_999, errorClass: 'session' },
  { from: 109_000_000, to: 109_000_005, errorClass: 'plugin' },
  { from: 109_000_006, to: 109_000_006, errorClass: 'plugin.deactivated' },
  { from: 109_000_007, to: 109_000_008, errorClass: 'plugin' },
  { from: 109_000_009, to: 109_000_009, errorClass: 'plugin.execute' },
  { from: 109_000_010, to: 109_000_011, errorClass: 'plugin' },
  { from: 109_000_012, to: 109_000_012, errorClass: 'plugin.parse' },
  { from: 109_000_013, to: 109_000_013, errorClass: 'plugin.oauth' },
  { from: 109_000_014, to: 109_000_021, errorClass: 'plugin' },
  { from: 700_012_006, to: 700_012_006, errorClass: 'auth' },
  { from: 702_093_018, to: 702_093_018, errorClass: 'rate_limit.plugin' },
  { from: 720_700_801, to: 720_700_803, errorClass: 'platform' },
  { from: 720_701_002, to: 720_701_002, errorClass: 'plugin.timeout' },
  { from: 720_701_003, to: 720_701_013, errorClass: 'workflow.node' },
  { from: 720_702_001, to: 720_702_084, errorClass: 'workflow.node' },
  { from: 720_702_085, to: 720_702_085, errorClass: 'workflow.node.timeout' },
  { from: 720_702_086, to: 720_702_089, errorClass: 'workflow.node' },
  { from: 720_711_011, to: 720_711_011, errorClass: 'plugin.offline' },
  { from: 720_712_014, to: 720_712_023, errorClass: 'workflow.node' },
  { from: 777_777_776, to: 777_777_776, errorClass: 'workflow.timeout' },
  { from: 777_777_777, to: 777_777_777, errorClass: 'cancelled' },
];

/** Documented as "model error", used as "rate limit" by two official SDKs. */
const AMBIGUOUS_MODEL_ERROR = 4013;
const RATE_LIMIT_TEXT = /rate.?limit|too many|qps|rpm|tpm|throttl|限流|频率|频繁/i;

/** Class of a Coze error code; undefined when the code is not known. */
export function classOfCozeCode(
  code: number,
  context: { readonly httpStatus?: number; readonly message: string },
): string | undefined {
  if (code === AMBIGUOUS_MODEL_ERROR) {
    const isRateLimit = context.httpStatus === 429 || RATE_LIMIT_TEXT.test(context.message);
    return isRateLimit ? 'rate_limit' : 'llm.error';
  }
  return RANGES.find(({ from, to }) => code >= from && code <= to)?.errorClass;
}

const TIMEOUT_TEXT = /time.?out|timed out|deadline.?exceeded|ETIMEDOUT|超时/i;
const BREAKER_TEXT = /circuit.?(?:breaker)?.{0,12}open|breaker.{0,12}open|熔断/i;

export function saysTimeout(text: string): boolean {
  return TIMEOUT_TEXT.test(text);
}

export function saysBreakerOpen(text: string): boolean {
  return BREAKER_TEXT.test(text);
}

/** A failure of a stage: its class for error.type, and the Coze code and HTTP status it leads to, if any. */

export class BotError extends Error {
  readonly type: string;
  readonly cozeCode: number | undefined;
  readonly httpStatus: number | undefined;

  constructor(
    type: string,
    message: string,
    options: {
      readonly cozeCode?: number;
      readonly httpStatus?: number;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = type;
    this.type = type;
    this.cozeCode = options.cozeCode;
    this.httpStatus = options.httpStatus;
  }
}

export function errorTypeOf(thrown: unknown): string {
  if (thrown instanceof BotError) return thrown.type;
  return thrown instanceof Error ? thrown.name : 'Error';
}

export function errorMessageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

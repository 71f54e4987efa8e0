/** One way to say that a port could not be had, for both transports. */
import { AppError, messageOf } from '../base/errors.ts';

export function listenFailed(failure: {
  readonly what: string;
  readonly host: string;
  readonly port: number;
  readonly error: unknown;
}): AppError {
  const { what, host, port, error } = failure;
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const detail = messageOf(error);
  const reason = detail.includes('EADDRINUSE')
    ? 'the port is taken; stop the other program or choose another port'
    : detail;
  return new AppError('listen.failed', `Cannot listen on ${address} for ${what}: ${reason}`, {
    cause: error,
    offendingValue: address,
  });
}

/** Binds a server and says on which port: 0 takes any free one. */
import type { Server } from 'node:net';

export function listenOn(
  server: Server,
  address: { readonly host: string; readonly port: number },
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, () => {
      server.off('error', reject);
      const bound = server.address();
      if (bound === null || typeof bound === 'string') reject(new Error('The server has no port'));
      else resolve(bound.port);
    });
  });
}

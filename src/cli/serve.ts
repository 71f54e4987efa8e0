/** `taproot serve`: the service until a signal. The first signal drains, the second ends at once. */
import type { Command } from 'commander';
import { createLog } from '../base/log.ts';
import { findPackage } from '../base/package.ts';
import { startService } from '../threads/service.ts';
import { addAllConfigFlags, loadSettings, rulesDirOf } from './settings.ts';

export function addServe(program: Command): void {
  addAllConfigFlags(program.command('serve').description('run the service')).action(
    async (flags: Record<string, unknown>) => {
      const { config, file } = loadSettings(flags);
      const isPretty = process.stderr.isTTY === true;
      const log = createLog({ level: config.logLevel, isPretty });
      const { version } = findPackage();
      const stopSignal = nextSignal();
      const service = await startService(
        { config, version, isPretty, rulesDir: rulesDirOf(config) },
        { log },
      );
      log.info(
        {
          version,
          config: file,
          dataDir: config.dataDir,
          otlpHttp: `http://${config.listenHost}:${service.otlpHttpPort}`,
          otlpGrpc: `${config.listenHost}:${service.otlpGrpcPort}`,
          api: `http://${config.listenHost}:${service.apiPort}`,
        },
        'taproot is ready',
      );
      const signal = await Promise.race([stopSignal, service.failed]).catch(
        async (thrown: unknown) => {
          log.error({ err: thrown }, 'a part of Taproot died: stopping the others');
          await service.stop();
          throw thrown;
        },
      );
      log.info(
        { signal },
        'stopping: refusing new work, draining, flushing; a second signal ends at once',
      );
      process.once('SIGINT', () => process.exit(130));
      process.once('SIGTERM', () => process.exit(143));
      await service.stop();
      log.info('stopped');
    },
  );
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const take = (signal: NodeJS.Signals) => {
      process.off('SIGINT', take);
      process.off('SIGTERM', take);
      resolve(signal);
    };
    process.on('SIGINT', take);
    process.on('SIGTERM', take);
  });
}

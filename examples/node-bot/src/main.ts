/** Starts the demo bot and its users; prints one JSON line when ready; SIGINT or SIGTERM ends it in order. */
import { startBot } from './bot.ts';
import { type RunningLoad, startLoad } from './load.ts';
import { parseSettings, type Settings, USAGE } from './settings.ts';

async function main(): Promise<void> {
  const settings = readSettings();
  const bot = await startBot(settings.bot);
  let load: RunningLoad | undefined;
  if (settings.ratePerSecond > 0) {
    const { ratePerSecond, dayLengthSeconds } = settings;
    load = startLoad({ url: bot.url, ratePerSecond, dayLengthSeconds, seed: settings.bot.seed });
  }
  const ready = { ready: true, url: bot.url, metricsUrl: bot.metricsUrl, pid: process.pid };
  console.log(JSON.stringify(ready));
  let isStopping = false;
  const stop = async (): Promise<void> => {
    if (isStopping) process.exit(1);
    isStopping = true;
    const stats = await load?.stop();
    await bot.stop();
    console.log(JSON.stringify({ stopped: true, load: stats }));
    process.exit(0);
  };
  process.on('SIGINT', () => void stop());
  process.on('SIGTERM', () => void stop());
}

function readSettings(): Settings {
  if (process.argv.includes('--help')) {
    console.log(USAGE);
    process.exit(0);
  }
  try {
    return parseSettings(process.argv.slice(2), process.env);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    console.error(USAGE);
    process.exit(2);
  }
}

await main();

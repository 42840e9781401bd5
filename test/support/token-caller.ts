/**
 * One process of a fleet that calls an API with a token of its own. Arguments: address of Redis, address of the token
 * server. For each line on standard input a hundred callers call at once; what became of them is one line of JSON.
 */
import { createInterface } from 'node:readline';
import { connectionSchema, createConnection } from '../../src/connections/connection.ts';
import { createHttpClient } from '../../src/outbound/http-client.ts';
import type { OutboundVault } from '../../src/outbound/token-share.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLogger } from '../../src/platform/logger.ts';
import { createMetrics } from '../../src/platform/metrics.ts';
import { createRedis } from '../../src/stores/redis.ts';
import { createRedisTokenShare } from '../../src/stores/redis-token-share.ts';
import { open, seal } from '../../src/keyring/seal.ts';

export interface CallersOutcome {
  answered: number;
  refused: number;
  slowestMs: number;
}

const CALLERS = 100;
const [redisUrl = '', url = ''] = process.argv.slice(2);
const key = Buffer.alloc(32, 7);
const vault: OutboundVault = {
  seal: (text, context) => seal(key, Buffer.from(text), context),
  open: (sealed, context) => open(key, sealed, context)?.toString('utf8'),
};
const redis = await createRedis({ url: redisUrl, onError: () => {} });
const options = connectionSchema.parse({
  base_url: url,
  max_connections: 100,
  auth: [
    {
      type: 'client_credentials',
      token_url: `${url}/token`,
      client_id: 'bridge',
      client_secret: 'a-secret-of-ours-91',
    },
  ],
});
const connection = createConnection('crm', options, {
  httpClient: createHttpClient(),
  clock: systemClock,
  metrics: createMetrics(),
  logger: silentLogger,
  tokenShare: createRedisTokenShare(redis),
  vault,
});

async function callers(): Promise<CallersOutcome> {
  const startedMs = performance.now();
  const outcome: CallersOutcome = { answered: 0, refused: 0, slowestMs: 0 };
  const call = async () => {
    try {
      const { status } = await connection.send({ method: 'GET', path: '/api', headers: {} });
      if (status === 200) outcome.answered += 1;
    } catch {
      outcome.refused += 1;
    }
    outcome.slowestMs = Math.max(outcome.slowestMs, performance.now() - startedMs);
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  return outcome;
}

process.stdout.write('ready\n');
for await (const _line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await callers())}\n`);
}

import { createHash } from 'node:crypto';
import type { TokenShare } from '../outbound/token-share.ts';
import type { RedisConnection } from './redis.ts';

/**
 * Takes the lease unless it is held; one that has longer to go than any lease is from before the server's clock was set
 * back, and counts for nothing. Its value is a number that only grows, kept beside it for a month.
 */
const ACQUIRE = `
local left = redis.call('PTTL', KEYS[1])
if left >= 0 and left <= tonumber(ARGV[1]) then return 0 end
local fence = redis.call('INCR', KEYS[2])
redis.call('PEXPIRE', KEYS[2], 2592000000)
redis.call('SET', KEYS[1], fence, 'PX', ARGV[1])
return fence
`;
const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`;
const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
`;
/** A holder that lost its lease while it fetched must not write over what came later. */
const PUBLISH = `
local before = redis.call('HGET', KEYS[1], 'fence')
if before and tonumber(before) > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'text', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`;

/** Tokens of the fleet and the lease on fetching them. Every step is one command; what is kept is sealed by the caller. */
export function createRedisTokenShare({ client }: Pick<RedisConnection, 'client'>): TokenShare {
  const keyOf = (key: string, part: string) => `symbolon:outbound:{${key}}:${part}`;
  const script = (text: string) => {
    const digest = createHash('sha1').update(text).digest('hex');
    return async (keys: string[], values: string[]): Promise<number> => {
      try {
        return Number(await client.evalSha(digest, { keys, arguments: values }));
      } catch (error) {
        // By its word, not its class: the class would load the whole client where there is no Redis.
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
        return Number(await client.eval(text, { keys, arguments: values }));
      }
    };
  };
  const [acquire, renew, release, publish] = [ACQUIRE, RENEW, RELEASE, PUBLISH].map(script) as [
    ReturnType<typeof script>,
    ReturnType<typeof script>,
    ReturnType<typeof script>,
    ReturnType<typeof script>,
  ];
  return {
    read: async (key) => (await client.hGet(keyOf(key, 'token'), 'text')) ?? undefined,
    async acquire(key, ttlMs) {
      const fence = await acquire([keyOf(key, 'lease'), keyOf(key, 'fence')], [String(ttlMs)]);
      return fence === 0 ? undefined : fence;
    },
    renew: async (key, fence, ttlMs) =>
      (await renew([keyOf(key, 'lease')], [String(fence), String(ttlMs)])) === 1,
    publish: async (key, { fence, text, ttlMs }) =>
      (await publish([keyOf(key, 'token')], [String(fence), text, String(ttlMs)])) === 1,
    release: async (key, fence) => {
      await release([keyOf(key, 'lease')], [String(fence)]);
    },
  };
}

import { createHash } from 'node:crypto';
import type { CountResult, LimitCounter } from '../limits/limit-counter.ts';
import type { Clock } from '../platform/clock.ts';
import type { RedisConnection } from './redis.ts';

const PREFIX = 'symbolon:limit:';
/** All windows of a request are counted in one step, so in a cluster all counters lie in one slot. */
const CLUSTER_PREFIX = '{symbolon:limit}:';

/**
 * One subject is one hash: for each window length the units used and the end of the window. The time is the server's
 * own unless one is given, so clocks of processes that differ do not matter. An end that lies further away than the
 * window is long can only come of a clock that was set back: the window then ends one length from now. Every key
 * expires; expiry only clears up, what counts is the end that is stored.
 */
const SCRIPT = `
local now = tonumber(ARGV[1])
if now < 0 then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local answer = { 1 }
local states = {}
local position = 2
for subject = 1, #KEYS do
  local mode, windows = ARGV[position], tonumber(ARGV[position + 1])
  position = position + 2
  for _ = 1, windows do
    local quota, length = tonumber(ARGV[position]), tonumber(ARGV[position + 1])
    position = position + 2
    local stored = redis.call('HMGET', KEYS[subject], 'u' .. ARGV[position - 1], 'e' .. ARGV[position - 1])
    local used, ends = tonumber(stored[1] or 0), tonumber(stored[2] or 0)
    if ends <= now then used, ends = 0, 0 elseif ends > now + length then ends = now + length end
    if used >= quota then answer[1] = 0 end
    states[#states + 1] = { subject, mode, length, used, ends }
  end
end
local longest = {}
for _, state in ipairs(states) do
  local subject, mode, length, used, ends = unpack(state)
  if answer[1] == 1 and mode == 'take' then
    used = used + 1
    if ends == 0 then ends = now + length end
    local name = string.format('%d', length)
    redis.call('HSET', KEYS[subject], 'u' .. name, used, 'e' .. name, string.format('%d', ends))
    longest[subject] = math.max(longest[subject] or 0, ends - now)
  end
  answer[#answer + 1] = used
  answer[#answer + 1] = ends == 0 and 0 or ends - now
end
for subject, left in pairs(longest) do
  local expiry = math.max(left + 1000, redis.call('PTTL', KEYS[subject]))
  redis.call('PEXPIRE', KEYS[subject], string.format('%d', expiry))
end
return answer
`;

const DIGEST = createHash('sha1').update(SCRIPT).digest('hex');

export interface RedisLimitsOptions {
  client: RedisConnection['client'];
  /** Default: false. */
  clustered?: boolean;
  /** Takes the time from here instead of from the server. */
  clock?: Pick<Clock, 'nowMs'>;
  /** In front of every key. Default `symbolon:limit:`, in a cluster `{symbolon:limit}:`. */
  prefix?: string;
}

/** Counts in Redis, together with every other process on it, by one script. */
export function createRedisLimitCounter({
  client,
  clock,
  clustered = false,
  prefix = clustered ? CLUSTER_PREFIX : PREFIX,
}: RedisLimitsOptions): LimitCounter {
  const run = async (keys: string[], values: string[]): Promise<unknown> => {
    try {
      return await client.evalSha(DIGEST, { keys, arguments: values });
    } catch (error) {
      // By its word, not its class: the class would load the whole client where there is no Redis.
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return client.eval(SCRIPT, { keys, arguments: values });
    }
  };
  return {
    shared: true,
    count: async (subjects): Promise<CountResult> => {
      const values = [String(clock ? clock.nowMs() : -1)];
      for (const { mode = 'take', windows } of subjects) {
        values.push(mode, String(windows.length));
        for (const { quota, windowMs } of windows) values.push(String(quota), String(windowMs));
      }
      const answer = (await run(
        subjects.map(({ kind, id }) => `${prefix}${kind}:${id}`),
        values,
      )) as number[];
      const counted = subjects.flatMap(({ windows }) => windows);
      const windows = counted.map(({ quota }, i) => ({
        left: Math.max(0, quota - (answer[1 + 2 * i] as number)),
        endsInMs: answer[2 + 2 * i] as number,
      }));
      return { admitted: answer[0] === 1, windows };
    },
  };
}

/**
 * `npm run test:fuzz -- [--seconds 60] [--requests 5000] [--seed N]`: every parser and verifier for its share of the
 * seconds, then mutated requests against a service in a process of its own. A failing input joins the corpus. Ends with
 * code 1 when a promise was broken.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { configure, type ServeProcess } from '../e2e/serve-process.ts';
import { serveWatched, type WatchedProcess } from '../e2e/watched-process.ts';
import { readExposition } from '../support/exposition.ts';
import { type FuzzedCredentials, rightRequests, runCampaign } from './campaign.ts';
import { targets } from './targets.ts';
import { tryTarget } from './try-target.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    requests: { type: 'string', default: '5000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
});
const seconds = Number(values.seconds);
const seed = Number(values.seed);
/** Of the time, for the parsers; the requests take what they need for their number. */
const PARSER_SHARE = 0.6;
/** Of what is in use after a garbage collection; from the first batch on, when code is compiled and caches have begun. */
const MAX_LIVE_GROWTH_BYTES = 10e6;
/** With garbage that is not collected yet: what the engine takes before it thinks of it. */
const MAX_RESIDENT_BYTES = 400e6;
const BATCH = 2_500;
const PASSWORD = 'correct horse battery staple';

function tryParsers(): number {
  let broken = 0;
  const timeLimitMs = (seconds * 1_000 * PARSER_SHARE) / targets.length;
  for (const target of targets) {
    try {
      const tried = tryTarget(target, { runs: 100_000_000, timeLimitMs, seed, keepFailures: true });
      console.log(`${target.name.padEnd(20)} ${String(tried).padStart(9)} inputs, sound`);
    } catch (error) {
      broken += 1;
      console.error(`${target.name.padEnd(20)} BROKEN ${(error as Error).message}`);
    }
  }
  return broken;
}

async function credentials(service: ServeProcess): Promise<FuzzedCredentials> {
  const { admin, url } = service;
  await admin('POST', '/admin/partners', {
    id: 'north',
    channel_groups: ['north'],
    visible_fields: [],
    tier: 'wide',
  });
  const client = await admin('POST', '/admin/clients', { partner: 'north' });
  const key = await admin('POST', '/admin/api-keys', { partner: 'north' });
  const signing = await admin('POST', '/admin/api-keys', { partner: 'north', use: 'signing' });
  await admin('POST', '/admin/directories/directory/users', {
    username: 'mira',
    password: PASSWORD,
    reference: '4711',
  });
  const text = (from: Record<string, unknown>, name: string) => String(from[name]);
  const post = async (path: string, form: Record<string, string>) => {
    const response = await fetch(url + path, { method: 'POST', body: new URLSearchParams(form) });
    return (await response.json()) as Record<string, unknown>;
  };
  const token = await post('/oauth/token', {
    grant_type: 'client_credentials',
    client_id: text(client, 'client_id'),
    client_secret: text(client, 'client_secret'),
  });
  const customer = await post('/customer_authenticate', {
    username: 'mira',
    password: PASSWORD,
    channel: 'ios',
  });
  return {
    clientId: text(client, 'client_id'),
    clientSecret: text(client, 'client_secret'),
    publicId: text(key, 'public_id'),
    secret: text(key, 'secret'),
    signingPublicId: text(signing, 'public_id'),
    signingSecret: text(signing, 'secret'),
    accessToken: text(token, 'access_token'),
    customerToken: text(customer, 'JWT'),
    nowMs: Date.now(),
  };
}

const read = async (service: ServeProcess) =>
  readExposition(await (await fetch(`${service.opsUrl}/metrics`)).text());

async function figure(service: ServeProcess, name: string): Promise<number> {
  return (await read(service)).get(name)?.samples[0]?.value ?? 0;
}

async function failuresCounted(service: ServeProcess): Promise<number> {
  const requests = (await read(service)).get('symbolon_http_requests_total')?.samples ?? [];
  return requests
    .filter(({ labels }) => labels.status?.startsWith('5'))
    .reduce((sum, one) => sum + one.value, 0);
}

const megabytes = (bytes: number) => Math.round(bytes / 1e6);

/** Sends requests in batches, so that memory can be looked at in between. Returns what was broken, in sentences. */
async function attack(service: WatchedProcess, count: number): Promise<string[]> {
  const requests = rightRequests(await credentials(service));
  const statuses = new Map<number, number>();
  const found: string[] = [];
  let sent = 0;
  let warmBytes = 0;
  while (sent < count) {
    const size = Math.min(BATCH, count - sent);
    const { statuses: came, failures } = await runCampaign(service.url, requests, {
      count: size,
      seed: seed + sent,
    });
    found.push(...failures);
    for (const [status, times] of came) statuses.set(status, (statuses.get(status) ?? 0) + times);
    sent += size;
    warmBytes ||= await service.liveBytes();
  }
  const residentBytes = service.residentBytes();
  const grownBytes = (await service.liveBytes()) - warmBytes;
  const told = [...statuses]
    .sort(([a], [b]) => a - b)
    .map(([status, times]) => `${status || 'none'}: ${times}`);
  console.log(
    `${sent} requests: ${told.join(', ')}; memory in use grew by ${(grownBytes / 1e6).toFixed(1)} MB to ${megabytes(warmBytes + grownBytes)} MB; ${megabytes(residentBytes)} MB resident`,
  );
  if (grownBytes > MAX_LIVE_GROWTH_BYTES) found.push(`memory in use grew by ${grownBytes} bytes`);
  if (residentBytes > MAX_RESIDENT_BYTES) found.push(`${residentBytes} bytes were resident`);
  if ((await failuresCounted(service)) > 0) found.push('the service counted answers with 5xx');
  if ((await figure(service, 'symbolon_unhandled_rejections_total')) > 0)
    found.push('a rejection was not handled');
  const health = await fetch(`${service.url}/health/ready`);
  if (health.status !== 200) found.push(`/health/ready is ${health.status} afterwards`);
  return found;
}

async function tryRequests(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'symbolon-fuzz-'));
  configure(folder, {
    default_channel: 'ios',
    channels: [
      { id: 'ios', group: 'north', delivery: 'token' },
      { id: 'web', group: 'north', delivery: 'cookie', allowed_origins: ['https://shop.test'] },
    ],
    limits: {
      tiers: { wide: [{ quota: 100_000_000, window_seconds: 60 }] },
      failures: { max_per_address: 1_000_000, window_seconds: 60 },
    },
  });
  const service = await serveWatched(folder);
  try {
    const found = await attack(service, Number(values.requests));
    for (const one of found) console.error(`BROKEN ${one}`);
    const { code, signal } = await service.end('SIGTERM');
    if (code !== 0) console.error(`BROKEN the process ended with ${code ?? signal}`);
    return found.length + (code === 0 ? 0 : 1);
  } finally {
    await service.end('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

console.log(`seed ${seed}`);
const broken = tryParsers() + (await tryRequests());
process.exitCode = broken > 0 ? 1 : 0;

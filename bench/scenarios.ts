/** The comparisons of `npm run bench`: each starts what it needs and measures it side by side. */
import { redisMissing } from '../test/support/redis.ts';
import type { Peer, Stage } from './contestants.ts';
import { hasHaproxy, startHaproxy } from './haproxy.ts';
import { load, type LoadRequest, once } from './load.ts';
import { type Contestant, type Effort, measure, measureLatency, SERVER_CORE } from './measure.ts';
import { measureMemory } from './memory.ts';
import {
  forge,
  passwordRequest,
  profileRequest,
  refusedProfiles,
  refusedSigned,
  signedRequests,
  tokenRequest,
  withHeader,
  wrongSecret,
} from './requests.ts';
import { type BenchedSymbolon, CREDENTIALS, renewalOf } from './symbolon.ts';

/** Customers of the cold run; each is asked about once. */
const COLD_CUSTOMERS = 12_000;
const COLD_ROUND_MS = 400;
const WARM_UP_MS = 3_000;

export interface Cast {
  symbolon: BenchedSymbolon;
  naive: Peer;
}

type Run = (stage: Stage, cast: Cast, effort: Effort) => Promise<void>;

const STACK = 'Express, helmet, pino, jose, axios';

type ProfileContestant = Awaited<ReturnType<typeof profileContestants>>[number];

async function profileContestants(stage: Stage, { symbolon, naive }: Cast) {
  const ours = { access: symbolon.access, key: symbolon.publicId, customer: symbolon.customer };
  const theirs = { access: naive.access, key: 'pk_bench', customer: naive.customers[0] as string };
  const checked = (name: string, { started, url }: Peer | BenchedSymbolon, credentials: typeof ours) => {
    const target = profileRequest(url, credentials);
    return { name, started, target, refused: refusedProfiles(target, credentials), credentials };
  };
  const all = [checked('Symbolon', symbolon, ours), checked(STACK, naive, theirs)];
  if (hasHaproxy()) {
    const haproxy = await startHaproxy(naive.publicPem, stage.backendUrl, SERVER_CORE);
    stage.keep(haproxy.started);
    all.push(checked('HAProxy (both signatures, key map)', { ...naive, ...haproxy }, theirs));
  }
  return all;
}

const getprofile: Run = async (stage, cast, effort) => {
  const checked = await profileContestants(stage, cast);
  const floor = await stage.peer('floor');
  const target = profileRequest(floor.url, { access: '', key: '', customer: '' });
  const all = [...checked, { name: 'node:http + undici, no checks', started: floor.started, target }];
  await measure('/getprofile, ES256, known tokens', all, effort);
  await measureLatency('/getprofile at 500 requests a second', all, effort);
  const forged = checked.map(({ credentials, ...one }) => ({
    ...one,
    target: withHeader(one.target, 'customer-auth', `JWT ${forge(credentials.customer)}`),
  }));
  await measure('/getprofile, one forged token again and again (401)', forged, effort);
};

/** Gives each request once. */
function eachOnce(requests: readonly LoadRequest[]): () => LoadRequest | undefined {
  let at = 0;
  return () => requests[at++];
}

const cold: Run = async (stage, cast, { rounds }) => {
  const renewal = renewalOf(cast.symbolon);
  const tokens: string[] = [];
  while (tokens.length < COLD_CUSTOMERS) {
    const some = await Promise.all(Array.from({ length: 40 }, () => once(renewal)));
    for (const text of some) tokens.push((JSON.parse(text) as { JWT: string }).JWT);
  }
  // A process knows the tokens again that it has made; in a fleet most come from another one.
  const another = await stage.symbolon({ fleetOf: cast.symbolon });
  const [own, ...peers] = await profileContestants(stage, cast);
  const elsewhere = await profileContestants(stage, { ...cast, symbolon: another });
  // The tokens are too few to warm up with, and a process that has just started compiles while it answers.
  if (elsewhere[0]) await load(elsewhere[0].target, 32, WARM_UP_MS);
  const withTokens = (one: ProfileContestant | undefined, name: string | undefined, customers: string[]) =>
    one && {
      ...one,
      name: name ?? one.name,
      target: eachOnce(
        customers.map((customer) => withHeader(one.target, 'customer-auth', `JWT ${customer}`, 200)),
      ),
    };
  const all = [
    withTokens(elsewhere[0], 'Symbolon, tokens of another process', tokens),
    withTokens(own, 'Symbolon, tokens of its own', tokens),
    ...peers.map((peer) => withTokens(peer, undefined, cast.naive.customers)),
  ].filter((one) => one !== undefined);
  await measure('/getprofile, ES256, each customer token for the first time', all, {
    rounds: Math.min(rounds, 3),
    roundMs: COLD_ROUND_MS,
    warmUpMs: COLD_ROUND_MS,
  });
};

const accessToken: Run = async (stage, { symbolon, naive }, effort) => {
  const provider = await stage.peer('oidc-provider');
  const made = [
    {
      name: 'Symbolon',
      started: symbolon.started,
      target: tokenRequest(`${symbolon.url}/access_token`, symbolon.clientId, symbolon.clientSecret),
    },
    {
      name: 'oidc-provider',
      started: provider.started,
      target: tokenRequest(`${provider.url}/token`, 'client', 'client-secret'),
    },
    {
      name: 'Express, helmet, pino, jose',
      started: naive.started,
      target: tokenRequest(`${naive.url}/access_token`, 'client', 'client-secret'),
    },
  ];
  const all = made.map((one) => ({ ...one, refused: [wrongSecret(one.target)] }));
  await measure('/access_token, client credentials, ES256 JWT', all, effort);
};

async function sessionOf({ url }: Peer): Promise<LoadRequest> {
  const signedIn = await fetch(`${url}/login`, { method: 'POST' });
  const cookie = (signedIn.headers.getSetCookie()[0] ?? '').split(';')[0] as string;
  const headers = { 'content-type': 'application/json', cookie };
  return { url: `${url}/customer_session/token`, method: 'POST', headers, body: '{}', expect: 200 };
}

const renewal: Run = async (stage, { symbolon, naive }, effort) => {
  const ours = (name: string, one: BenchedSymbolon): Contestant => {
    const target = renewalOf(one);
    return { name, started: one.started, target, refused: [withHeader(target, 'cookie', 'x=y')] };
  };
  const theirs = async (name: string, peer: Peer): Promise<Contestant> => {
    const target = await sessionOf(peer);
    return { name, started: peer.started, target, refused: [withHeader(target, 'cookie', 'x=y')] };
  };
  if (redisMissing() === undefined) {
    const env = { REDIS_URL: await stage.redis() };
    await measure(
      'Renewal: session cookie in, ES256 token out; sessions in Redis',
      [
        ours('Symbolon', await stage.symbolon({ env })),
        await theirs('express-session, connect-redis, jose', await stage.peer('naive', env)),
      ],
      effort,
    );
  }
  await measure(
    'Renewal: session cookie in, ES256 token out',
    [ours('Symbolon, sessions in SQLite', symbolon), await theirs('express-session in memory, jose', naive)],
    effort,
  );
};

const signed: Run = async (stage, { symbolon, naive }, effort) => {
  const key = { id: symbolon.signingId, secret: symbolon.signingSecret };
  const ours = signedRequests(`${symbolon.url}/getprofile`, key, symbolon.customer);
  const theirKey = { id: 'pk_bench', secret: 'sk_bench' };
  const customer = naive.customers[0] as string;
  const theirs = signedRequests(`${naive.url}/signed/getprofile`, theirKey, customer);
  const all: Contestant[] = [
    {
      name: 'Symbolon, signatures remembered in SQLite',
      started: symbolon.started,
      target: ours,
      refused: refusedSigned(ours),
    },
  ];
  if (redisMissing() === undefined) {
    const shared = await stage.symbolon({ env: { REDIS_URL: await stage.redis() } });
    const make = signedRequests(
      `${shared.url}/getprofile`,
      { id: shared.signingId, secret: shared.signingSecret },
      shared.customer,
    );
    const { started } = shared;
    all.push({ name: 'Symbolon, in Redis', started, target: make, refused: refusedSigned(make) });
  }
  all.push({
    name: 'Express, express.json verify, createHmac, Map',
    started: naive.started,
    target: theirs,
    refused: refusedSigned(theirs),
  });
  await measure('/getprofile, signed 1-KiB requests (v1), each once', all, effort);
};

const signIn: Run = async (_stage, { symbolon, naive }, effort) => {
  const all = [symbolon, naive].map(({ started, url }, i) => ({
    name: i === 0 ? 'Symbolon' : 'Express, jose, crypto.argon2',
    started,
    target: passwordRequest(url, CREDENTIALS),
    refused: [{ ...passwordRequest(url, { ...CREDENTIALS, password: 'wrong' }), expect: 401 }],
  }));
  await measure('Sign-in: argon2id, 19 MiB, two passes', all, { ...effort, connections: 8 });
};

const health: Run = async (stage, { symbolon, naive }, effort) => {
  const floor = await stage.peer('floor');
  const at = (url: string): LoadRequest => ({
    url: `${url}/health/live`,
    method: 'GET',
    headers: {},
    expect: 200,
  });
  const all = [
    { name: 'Symbolon', started: symbolon.started, target: at(symbolon.url) },
    { name: 'Express, helmet, pino', started: naive.started, target: at(naive.url) },
    { name: 'node:http, constant answer', started: floor.started, target: at(floor.url) },
  ];
  await measure('/health/live', all, effort);
};

/** By the name that the command line takes. */
export const SCENARIOS: Readonly<Record<string, Run>> = {
  getprofile,
  cold,
  access_token: accessToken,
  renewal,
  signed,
  sign_in: signIn,
  health,
  memory: (stage) => measureMemory(stage),
};

export async function openCast(stage: Stage): Promise<Cast> {
  const symbolon = await stage.symbolon();
  return { symbolon, naive: await stage.peer('naive', { CUSTOMERS: String(COLD_CUSTOMERS) }) };
}

/**
 * `npm run bench`: this service and its peers side by side, in turn, round after round, each on one core while the
 * generator has the other. The figure is CPU time of the server per request; only ratios within one run mean anything.
 * Each contestant first proves that it refuses what it has to.
 */
import { cpuMicroseconds, residentMib, start, stop, type Started } from './contestant.ts';
import { type LoadRequest, load, once } from './load.ts';
import { renewalOf, startSymbolon } from './symbolon.ts';

const SERVER_CORE = 0;
const CONNECTIONS = 32;
const ROUNDS = Number(process.argv[2] ?? 5);
const ROUND_MS = Number(process.argv[3] ?? 2_000);
const peer = (name: string) => new URL(`./peers/${name}.ts`, import.meta.url).pathname;
const json = { 'content-type': 'application/json' };
const form = { 'content-type': 'application/x-www-form-urlencoded' };

interface Contestant {
  name: string;
  started: Started;
  target: LoadRequest;
  /** The same call with a credential spoilt, and the status that it must get; none for a peer that checks nothing. */
  refused?: LoadRequest;
}

interface Row {
  name: string;
  microseconds: number[];
  p99Ms: number[];
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

async function measure(title: string, contestants: readonly Contestant[]): Promise<void> {
  for (const { refused, target } of contestants) {
    await once(target);
    if (refused) await once(refused);
  }
  const rows: Row[] = contestants.map(({ name }) => ({ name, microseconds: [], p99Ms: [] }));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, { started, target }] of contestants.entries()) {
      const pid = started.child.pid as number;
      const before = cpuMicroseconds(pid);
      const { answers, latenciesMs } = await load(target, CONNECTIONS, ROUND_MS);
      const spent = cpuMicroseconds(pid) - before;
      // The first round warms up.
      if (round === 0) continue;
      const row = rows[i] as Row;
      row.microseconds.push(spent / answers);
      row.p99Ms.push([...latenciesMs].sort((a, b) => a - b)[Math.floor(answers * 0.99)] ?? 0);
    }
    process.stderr.write(`\r${title}: round ${round} of ${ROUNDS}   `);
  }
  process.stderr.write('\n');
  const own = median((rows[0] as Row).microseconds);
  console.log(
    `\n${title} (CPU µs per request, median of ${ROUNDS}; ratio: how many requests we answer in one of theirs)`,
  );
  for (const { name, microseconds, p99Ms } of rows) {
    const us = median(microseconds);
    console.log(
      `  ${name.padEnd(34)} ${us.toFixed(1).padStart(8)} µs   ${(us / own).toFixed(2).padStart(6)} x   p99 ${median(p99Ms).toFixed(1)} ms`,
    );
  }
}

const spoil = (target: LoadRequest, header: string, value: string): LoadRequest => ({
  ...target,
  headers: { ...target.headers, [header]: value },
  expect: 401,
});

async function main(): Promise<void> {
  const running: Started[] = [];
  const launch = async (name: string, env: Record<string, string> = {}, core = SERVER_CORE) => {
    const started = await start([peer(name)], { core, env, ready: (line) => line.startsWith('{') });
    running.push(started);
    return {
      started,
      said: JSON.parse(started.line) as {
        address: { port: number };
        access: string;
        customer: string;
        port: number;
      },
    };
  };
  try {
    const backend = await launch('backend', {}, 1);
    const backendUrl = `http://127.0.0.1:${backend.said.port}`;
    const symbolon = await startSymbolon(backendUrl, SERVER_CORE);
    running.push(symbolon.started);
    const pid = symbolon.started.child.pid as number;
    console.log(`ready after ${Math.round(symbolon.readyMs)} ms, ${residentMib(pid)} MiB resident`);
    const naive = await launch('naive', { BACKEND_URL: backendUrl });
    const floor = await launch('floor', { BACKEND_URL: backendUrl });
    const provider = await launch('oidc-provider');
    const at = ({ said }: { said: { address: { port: number } } }) => `http://127.0.0.1:${said.address.port}`;

    const profile = (url: string, access: string, key: string, customer: string): LoadRequest => ({
      url: `${url}/getprofile`,
      method: 'POST',
      headers: {
        ...json,
        authorization: `Bearer ${access}`,
        'api-key': key,
        'customer-auth': `JWT ${customer}`,
      },
      body: '{}',
      expect: 200,
    });
    const ours = profile(symbolon.url, symbolon.access, symbolon.publicId, symbolon.customer);
    const theirs = profile(at(naive), naive.said.access, 'pk_bench', naive.said.customer);
    const forged = (target: LoadRequest, token: string) =>
      spoil(target, 'customer-auth', `JWT ${token.slice(0, -6)}AAAAAA`);
    await measure('/getprofile, ES256, warm', [
      { name: 'Symbolon', started: symbolon.started, target: ours, refused: forged(ours, symbolon.customer) },
      {
        name: 'Express + helmet + jose + axios',
        started: naive.started,
        target: theirs,
        refused: forged(theirs, naive.said.customer),
      },
      {
        name: 'node:http + undici, no checks',
        started: floor.started,
        target: { ...theirs, url: `${at(floor)}/getprofile` },
      },
    ]);
    await measure('/getprofile, the same forged token again and again', [
      { name: 'Symbolon', started: symbolon.started, target: forged(ours, symbolon.customer) },
      {
        name: 'Express + helmet + jose + axios',
        started: naive.started,
        target: forged(theirs, naive.said.customer),
      },
    ]);

    const token = (url: string, id: string, secret: string): LoadRequest => ({
      url,
      method: 'POST',
      headers: form,
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: id,
        client_secret: secret,
      }).toString(),
      expect: 200,
    });
    const wrong = (target: LoadRequest): LoadRequest => ({ ...target, body: `${target.body}x`, expect: 401 });
    const ourToken = token(`${symbolon.url}/access_token`, symbolon.clientId, symbolon.clientSecret);
    const naiveToken = token(`${at(naive)}/access_token`, 'client', 'client-secret');
    const providerToken = token(`${at(provider)}/token`, 'client', 'client-secret');
    await measure('/access_token, client credentials, ES256 JWT', [
      { name: 'Symbolon', started: symbolon.started, target: ourToken, refused: wrong(ourToken) },
      {
        name: 'oidc-provider',
        started: provider.started,
        target: providerToken,
        refused: wrong(providerToken),
      },
      { name: 'Express + jose', started: naive.started, target: naiveToken, refused: wrong(naiveToken) },
    ]);

    const signedIn = await fetch(`${at(naive)}/login`, { method: 'POST' });
    const cookie = (signedIn.headers.getSetCookie()[0] ?? '').split(';')[0] as string;
    const ourRenewal = renewalOf(symbolon);
    const naiveRenewal: LoadRequest = {
      url: `${at(naive)}/customer_session/token`,
      method: 'POST',
      headers: { ...json, cookie },
      body: '{}',
      expect: 200,
    };
    await measure('renewal: session cookie in, ES256 token out', [
      {
        name: 'Symbolon, sessions in SQLite',
        started: symbolon.started,
        target: ourRenewal,
        refused: spoil(ourRenewal, 'cookie', 'x=y'),
      },
      {
        name: 'express-session in memory + jose',
        started: naive.started,
        target: naiveRenewal,
        refused: spoil(naiveRenewal, 'cookie', 'x=y'),
      },
    ]);
    console.log(`\n${residentMib(pid)} MiB resident after load`);
  } finally {
    await Promise.all(running.map(stop));
  }
}

await main();

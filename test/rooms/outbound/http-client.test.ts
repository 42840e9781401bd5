import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createSocketServer } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpClient, type HttpClientDeps } from '../../../src/outbound/http-client.ts';
import type { Destination, DestinationOptions, HttpClient } from '../../../src/outbound/outbound-types.ts';
import { listen, shut } from '../../support/backend.ts';
import { createTestCertificate } from '../../support/certificate.ts';

const servers: Server[] = [];
const clients: HttpClient[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await Promise.all(servers.splice(0).map(shut));
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  return listen(server);
}

function client(deps?: HttpClientDeps): HttpClient {
  const made = createHttpClient(deps);
  clients.push(made);
  return made;
}

const get = { method: 'GET', path: '/x', headers: {} } as const;

/** Both ways out: the pool itself, and axios over it. */
const ways: [string, (http: HttpClient, to: Destination) => ReturnType<Destination['send']>][] = [
  ['send', (_http, to) => to.send(get)],
  ['request', (http, to) => http.request(to, get)],
];

describe.each(ways)('a call by %s', (_name, call) => {
  async function outcome(listener: RequestListener, options: DestinationOptions = {}): Promise<unknown> {
    const http = client();
    const to = http.destination(await serve(listener), options);
    try {
      return await call(http, to);
    } catch (error) {
      return (error as { failure?: string }).failure;
    }
  }

  it('gives status, lower-case headers with repeated ones joined, and the body as one buffer', async () => {
    const answer = await outcome((_request, response) => {
      response.writeHead(418, { 'X-Kind': ['a', 'b'], 'Content-Type': 'text/plain' });
      response.write('one ');
      setImmediate(() => response.end('two'));
    });
    expect(answer).toMatchObject({
      status: 418,
      headers: { 'x-kind': 'a, b', 'content-type': 'text/plain' },
    });
    expect((answer as { body: Buffer }).body.toString()).toBe('one two');
  });

  it('asks for identity and says who we are, whatever the caller set', async () => {
    let seen: Record<string, unknown> = {};
    await outcome((request, response) => {
      seen = request.headers;
      response.end();
    });
    expect(seen).toMatchObject({ 'accept-encoding': 'identity', 'user-agent': 'symbolon' });
    expect(Object.keys(seen).filter((name) => /^(cookie|authorization|x-forwarded)/.test(name))).toEqual([]);
  });

  it('returns a redirect as the answer it is', async () => {
    let calls = 0;
    const answer = await outcome((_request, response) => {
      calls += 1;
      response.writeHead(307, { location: '/elsewhere' }).end();
    });
    expect(answer).toMatchObject({ status: 307 });
    expect(calls).toBe(1);
  });

  it('is cut at the total deadline while the headers are awaited', async () => {
    expect(await outcome(() => {}, { totalTimeoutMs: 60 })).toBe('timeout');
  });

  it('is cut at the total deadline while the body drips', async () => {
    const dripping: RequestListener = (_request, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('.'), 10);
      response.on('close', () => clearInterval(timer));
    };
    expect(await outcome(dripping, { totalTimeoutMs: 100 })).toBe('timeout');
  });

  it('holds the cap while reading, and at once when the answer states more', async () => {
    const sized = (bytes: number, stated: boolean): RequestListener => {
      return (_request, response) => {
        if (stated) response.setHeader('content-length', bytes);
        response.write('a'.repeat(bytes - 1));
        response.end('a');
      };
    };
    const options = { maxResponseBytes: 2_000 };
    for (const stated of [true, false]) {
      expect(await outcome(sized(2_000, stated), options)).toMatchObject({ status: 200 });
      expect(await outcome(sized(2_001, stated), options)).toBe('too_large');
    }
  });

  it('survives an endless answer of many small chunks', async () => {
    const endless: RequestListener = (_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(50)));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    };
    expect(await outcome(endless, { maxResponseBytes: 10_000 })).toBe('too_large');
  });

  it('refuses an answer that is compressed although we did not ask for it', async () => {
    expect(
      await outcome((_request, response) => response.setHeader('content-encoding', 'gzip').end('x')),
    ).toBe('protocol');
  });

  it('is unreachable when the connection is closed before an answer, and broken when within it', async () => {
    expect(await outcome((_request, response) => response.destroy())).toBe('unreachable');
    const cutOff: RequestListener = (_request, response) => {
      response.writeHead(200, { 'content-length': 10 }).write('abc', () => response.destroy());
    };
    expect(await outcome(cutOff)).toBe('protocol');
  });

  it('is unreachable when nobody listens', async () => {
    const server = createServer();
    const url = await listen(server);
    await shut(server);
    const http = client();
    await expect(call(http, http.destination(url))).rejects.toMatchObject({
      failure: 'unreachable',
      origin: url,
    });
  });

  it('ignores the proxies of the environment', async () => {
    let proxied = 0;
    const proxy = await serve((_request, response) => {
      proxied += 1;
      response.end();
    });
    const before = { ...process.env };
    Object.assign(process.env, { HTTP_PROXY: proxy, http_proxy: proxy, ALL_PROXY: proxy, NO_PROXY: '' });
    try {
      expect(await outcome((_request, response) => response.end('direct'))).toMatchObject({ status: 200 });
      expect(proxied).toBe(0);
    } finally {
      process.env = before;
    }
  });
});

describe('the connections of a destination', () => {
  it('are bounded; further calls wait their turn and all are answered', async () => {
    let open = 0;
    let most = 0;
    const url = await serve((_request, response) => {
      open += 1;
      most = Math.max(most, open);
      setImmediate(() => {
        open -= 1;
        response.end();
      });
    });
    const sockets = new Set<unknown>();
    servers[0]?.on('connection', (socket) => sockets.add(socket));
    const to = client().destination(url, { maxConnections: 3 });
    const answers = await Promise.all(Array.from({ length: 60 }, () => to.send(get)));
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 60 }, () => 200));
    expect(most).toBeLessThanOrEqual(3);
    expect(sockets.size).toBeLessThanOrEqual(3);
  });

  it('turn calls away once too many wait, and free their places when the deadline passes', async () => {
    let hanging = true;
    const url = await serve((_request, response) => {
      if (!hanging) response.end();
    });
    const to = client().destination(url, { maxConnections: 1 });
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, () => to.send(get, { totalTimeoutMs: 150 })),
    );
    const failures = results.map((result) =>
      result.status === 'rejected' ? (result.reason as { failure: string }).failure : 'answered',
    );
    expect(failures.filter((failure) => failure === 'busy')).toHaveLength(7);
    expect(failures.filter((failure) => failure === 'timeout')).toHaveLength(33);
    hanging = false;
    expect(await to.send(get)).toMatchObject({ status: 200 });
  });

  it('are never opened for an absolute URL in place of a path', async () => {
    let strays = 0;
    const stray = await serve((_request, response) => {
      strays += 1;
      response.end();
    });
    const http = client();
    const to = http.destination(await serve((_request, response) => response.end()));
    await expect(to.send({ ...get, path: `${stray}/x` })).rejects.toMatchObject({ failure: 'protocol' });
    await expect(http.request(to, { ...get, path: `${stray}/x` })).rejects.toMatchObject({
      failure: 'protocol',
    });
    expect(strays).toBe(0);
  });

  it('put the base path before every path', async () => {
    let seen = '';
    const url = await serve((request, response) => {
      seen = request.url ?? '';
      response.end();
    });
    await client()
      .destination(`${url}/api/v1/`)
      .send({ ...get, path: '/customers?x=1' });
    expect(seen).toBe('/api/v1/customers?x=1');
  });

  it('are cut within the grace when a call hangs at closing time', async () => {
    const url = await serve(() => {});
    const http = createHttpClient();
    const hanging = http.destination(url, { totalTimeoutMs: 60_000 }).send(get);
    const [outcome] = await Promise.allSettled([hanging, http.close()]);
    expect(outcome).toMatchObject({ status: 'rejected', reason: { failure: 'unreachable' } });
  });
});

describe('a host name', () => {
  it.each([
    ['a metadata address', ['169.254.169.254']],
    ['a metadata address among others', ['93.184.216.34', '169.254.169.254']],
    ['a mapped metadata address', ['::ffff:169.254.169.254']],
    ['an IPv6 metadata address', ['fd00:ec2::254']],
    ['the unspecified address', ['0.0.0.0']],
    ['a multicast address', ['239.1.1.1']],
  ])('that resolves to %s is refused before a connection is made', async (_what, addresses) => {
    const resolveHost = () =>
      Promise.resolve(addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
    const http = client({ resolveHost });
    const to = http.destination('https://crm.example');
    await expect(to.send(get)).rejects.toMatchObject({ failure: 'refused_address' });
    await expect(http.request(to, get)).rejects.toMatchObject({ failure: 'refused_address' });
  });

  it('that is plain http because it is loopback may not resolve to anything else', async () => {
    const http = client({ resolveHost: () => Promise.resolve([{ address: '10.0.0.1', family: 4 }]) });
    await expect(http.destination('http://localhost:9').send(get)).rejects.toMatchObject({
      failure: 'refused_address',
    });
  });

  it('is called at the very address that was checked', async () => {
    const url = new URL(await serve((request, response) => response.end(request.headers.host)));
    const asked: string[] = [];
    const resolveHost = (hostname: string) => {
      asked.push(hostname);
      return Promise.resolve([{ address: '127.0.0.1', family: 4 }]);
    };
    const to = client({ resolveHost }).destination(`http://crm.example:${url.port}`, {
      allowInsecureHttp: true,
    });
    expect((await to.send(get)).body.toString()).toBe(`crm.example:${url.port}`);
    expect(asked).toEqual(['crm.example']);
  });

  /** Whether each of these addresses, one after the other what a name resolves to, is refused. */
  async function refusals(addresses: string[]): Promise<boolean[]> {
    const left = [...addresses];
    const resolveHost = () => {
      const address = left.shift() as string;
      return Promise.resolve([{ address, family: address.includes(':') ? 6 : 4 }]);
    };
    const to = client({ resolveHost }).destination('https://crm.example:9', { connectTimeoutMs: 50 });
    const outcomes: boolean[] = [];
    for (const _address of addresses) {
      const error: unknown = await to.send(get).catch((caught: unknown) => caught);
      outcomes.push((error as { failure: string }).failure === 'refused_address');
    }
    return outcomes;
  }

  it('that was public is not followed into a network of our own, and is called again when it is public', async () => {
    const inside = ['127.0.0.1', '10.0.0.1', '192.168.1.1', '100.64.0.1', '::ffff:10.0.0.1', 'fd00::1'];
    const refused = inside.map(() => true);
    expect(await refusals(['2001:db8::7', ...inside, '2001:db8::7'])).toEqual([false, ...refused, false]);
  });

  it('that was private at first may move, but for addresses that are never called', async () => {
    expect(await refusals(['127.0.0.1', '::1', '2001:db8::7', '127.0.0.1', '169.254.169.254'])).toEqual([
      false,
      false,
      false,
      false,
      true,
    ]);
  });

  it('that cannot be resolved, or not in time, is unreachable', async () => {
    const failing = client({ resolveHost: () => Promise.reject(new Error('ENOTFOUND')) });
    const empty = client({ resolveHost: () => Promise.resolve([]) });
    const hanging = client({ resolveHost: () => new Promise(() => {}) });
    const options = { connectTimeoutMs: 50 };
    for (const http of [failing, empty, hanging]) {
      await expect(http.destination('https://crm.example', options).send(get)).rejects.toMatchObject({
        failure: 'unreachable',
      });
    }
  });
});

describe('a destination over TLS', () => {
  async function serveTls(host: string, trusted: boolean, days?: number): Promise<string> {
    const certificate = createTestCertificate(host, days);
    const server = createTlsServer(certificate, (_request, response) => response.end('sealed'));
    servers.push(server);
    if (trusted) setDefaultCACertificates([certificate.cert]);
    return (await listen(server)).replace('http:', 'https:');
  }
  const before = getCACertificates('default');
  afterEach(() => setDefaultCACertificates(before));

  it('answers when its certificate is trusted for this host', async () => {
    const to = client().destination(await serveTls('127.0.0.1', true));
    expect((await to.send(get)).body.toString()).toBe('sealed');
  });

  it.each([
    ['is signed by nobody we know', '127.0.0.1', false, 2],
    ['is for another host', 'elsewhere.example', true, 2],
    ['has run out', '127.0.0.1', true, 0.5],
  ])('is not talked to when its certificate %s', async (_what, host, trusted, days) => {
    const to = client().destination(await serveTls(host, trusted, days));
    await expect(to.send(get)).rejects.toMatchObject({ failure: 'untrusted' });
  });

  it('that speaks plain HTTP is broken, and one that stays silent is unreachable within the connect timeout', async () => {
    const plain = new URL(await serve((_request, response) => response.end()));
    await expect(client().destination(`https://127.0.0.1:${plain.port}`).send(get)).rejects.toMatchObject({
      failure: 'protocol',
    });
    const silent = createSocketServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    const sockets: { destroy(): void }[] = [];
    silent.on('connection', (socket) => sockets.push(socket));
    const to = client().destination(`https://127.0.0.1:${port}`, { connectTimeoutMs: 60 });
    await expect(to.send(get)).rejects.toMatchObject({ failure: 'unreachable' });
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });
});

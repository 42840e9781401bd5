import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectionSchema, createConnection } from '../../../src/connections/connection.ts';
import { createHttpClient } from '../../../src/outbound/http-client.ts';
import type { HttpClient } from '../../../src/outbound/outbound-types.ts';
import { createLogger } from '../../../src/platform/logger.ts';
import { createMetrics } from '../../../src/platform/metrics.ts';
import { type SignedRequest, signingKeyOf } from '../../../src/signatures/signed-request.ts';
import { readV1, v1IsTimely, v1Matches } from '../../../src/signatures/v1.ts';
import {
  readV2,
  v2BodyProblem,
  v2MatchesEd25519,
  v2MatchesHmac,
  v2TimeProblem,
} from '../../../src/signatures/v2.ts';
import { createTestClock, type TestClock } from '../../support/clock.ts';

const SECRET = 'a-secret-that-the-partner-gave-us';
const KEY_ID = 'pk_live_of_theirs';

let server: Server;
let received: SignedRequest[];
let httpClient: HttpClient;
let clock: TestClock;
let authority: string;

/** The request as its receiver sees it: by what arrived, and nothing else. */
function asReceived(req: IncomingMessage, body: Buffer): SignedRequest {
  const [path = '', query] = (req.url ?? '').split(/(?=\?)/);
  return {
    method: req.method ?? '',
    authority: req.headers.host ?? '',
    path,
    query: query ?? '',
    body,
    header: (name) => req.headers[name] as string | undefined,
  };
}

beforeEach(async () => {
  received = [];
  clock = createTestClock();
  httpClient = createHttpClient();
  server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => {
      received.push(asReceived(req, Buffer.concat(chunks)));
      res.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  authority = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await httpClient.close();
  await new Promise((resolve) => server.close(resolve));
});

function connect(auth: Record<string, unknown>[]) {
  const options = connectionSchema.parse({ base_url: `http://${authority}/api/v3`, auth });
  const logger = createLogger('silent', { write: () => {} });
  return createConnection('partner', options, { httpClient, clock, metrics: createMetrics(), logger });
}

const question = {
  method: 'POST',
  path: '/customers?expand=plan',
  headers: { 'content-type': 'application/json', 'x-customer': 'c1abc' },
  body: '{"customer":"c1abc","name":"Zoë"}',
} as const;

describe('our own requests, signed with v1', () => {
  const auth = { type: 'signature_v1', key_id: KEY_ID, secret: SECRET };

  it('are accepted by whoever holds the secret, on the hot and on the cold path', async () => {
    const partner = connect([auth]);
    await partner.send(question);
    await partner.request(question);
    expect(received).toHaveLength(2);
    for (const request of received) {
      expect(request.header('x-api-key')).toBe(KEY_ID);
      const read = readV1(request);
      if (typeof read !== 'object') throw new Error('not signed');
      expect(v1Matches(read, signingKeyOf(SECRET), request.body)).toBe(true);
      expect(v1IsTimely(read, clock.nowMs())).toBe(true);
      expect(request.body.toString()).toBe(question.body);
    }
  });

  it('name the key in another header where the partner wants that', async () => {
    await connect([{ ...auth, key_header: 'X-Client-Key' }]).send(question);
    expect(received[0]?.header('x-client-key')).toBe(KEY_ID);
    expect(received[0]?.header('x-api-key')).toBeUndefined();
  });

  it('never carry the secret', async () => {
    await connect([auth]).send(question);
    expect(received[0]?.header('authorization')).toBeUndefined();
    expect(received[0]?.header('x-api-signature')).not.toContain(SECRET);
  });
});

describe('our own requests, signed with v2', () => {
  const auth = { type: 'signature_v2', key_id: KEY_ID, secret: SECRET };

  it('cover method, address, path with the base path, query, type, body and chosen headers', async () => {
    await connect([{ ...auth, also_cover: ['x-customer', 'x-absent'] }]).send(question);
    const [request] = received as [SignedRequest];
    const read = readV2(request);
    if (typeof read !== 'object') throw new Error(`not signed: ${String(read)}`);
    expect(v2MatchesHmac(read, signingKeyOf(SECRET))).toBe(true);
    expect(v2BodyProblem(request)).toBeUndefined();
    expect(v2TimeProblem(read, clock.nowMs())).toBeUndefined();
    expect(read.keyId).toBe(KEY_ID);
    expect(read.base).toContain('"@path": /api/v3/customers\n"@query": ?expand=plan\n');
    expect(read.base).toContain('"x-customer": c1abc\n');
    expect(read.components).not.toContain('x-absent');
  });

  it('have a nonce of their own each time', async () => {
    const partner = connect([auth]);
    await partner.send(question);
    await partner.send({ method: 'GET', path: '/customers', headers: {} });
    const nonces = received.map((request) => {
      const read = readV2(request);
      return typeof read === 'object' ? read.nonce : undefined;
    });
    expect(new Set(nonces).size).toBe(2);
    expect(nonces).not.toContain(undefined);
  });

  it('cover our other credentials too, when told to', async () => {
    const bearer = { type: 'bearer', token: 'a-token-of-ours' };
    await connect([{ ...auth, also_cover: ['authorization'] }, bearer]).send(question);
    const read = readV2(received[0] as SignedRequest);
    expect(read).toMatchObject({ components: expect.arrayContaining(['authorization']) });
  });

  it.each(['PEM text', '32 bytes'])('can be made with an Ed25519 key given as %s', async (form) => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const key =
      form === '32 bytes'
        ? (privateKey.export({ format: 'jwk' }).d as string)
        : (privateKey.export({ format: 'pem', type: 'pkcs8' }) as string);
    await connect([{ type: 'signature_v2', key_id: KEY_ID, private_key: key }]).send(question);
    const read = readV2(received[0] as SignedRequest);
    if (typeof read !== 'object') throw new Error('not signed');
    expect(v2MatchesEd25519(read, publicKey)).toBe(true);
  });

  it.each([
    ['no key', { type: 'signature_v2', key_id: KEY_ID }],
    ['two keys', { ...auth, private_key: 'n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU' }],
    [
      'a key that is none',
      { type: 'signature_v2', key_id: KEY_ID, private_key: 'not an Ed25519 private key' },
    ],
    ['a placeholder', { ...auth, secret: 'change-me' }],
    ['a key id that no header carries', { ...auth, key_id: 'pk live' }],
  ])('are not configured with %s', (_what, entry) => {
    expect(connectionSchema.safeParse({ base_url: 'https://x.example', auth: [entry] }).success).toBe(false);
  });
});

describe('a signature and another credential', () => {
  it('cannot want the same header', () => {
    const entries = [
      { type: 'signature_v1', key_id: KEY_ID, secret: SECRET },
      { type: 'api_key', header: 'X-API-Key', value: 'another-key-value' },
    ];
    expect(connectionSchema.safeParse({ base_url: 'https://x.example', auth: entries }).success).toBe(false);
  });
});

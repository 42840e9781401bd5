import { once } from 'node:events';
import { connect } from 'node:net';
import { sample } from 'fast-check';
import { signingKeyOf } from '../../src/signatures/signed-request.ts';
import { signV1 } from '../../src/signatures/v1.ts';
import { mutated } from './mutations.ts';

/** A request as it goes over the wire, without `Content-Length`. */
export interface WireRequest {
  line: string;
  headers: readonly string[];
  body: string;
}

/** Credentials of one partner, as the admin API gave them. */
export interface FuzzedCredentials {
  clientId: string;
  clientSecret: string;
  publicId: string;
  secret: string;
  signingPublicId: string;
  signingSecret: string;
  accessToken: string;
  customerToken: string;
  nowMs: number;
}

const FORM = 'Content-Type: application/x-www-form-urlencoded';
const JSON_TYPE = 'Content-Type: application/json';

/** Requests that are right in every part. */
export function rightRequests(held: FuzzedCredentials): WireRequest[] {
  const { clientId, clientSecret, publicId, secret, accessToken, customerToken } = held;
  const basic = `Authorization: Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
  const proof = `customer-auth: JWT ${customerToken}`;
  const body = '{"fields":["plan"]}';
  const signed = signV1({
    signingKey: signingKeyOf(held.signingSecret),
    timestampSeconds: Math.floor(held.nowMs / 1_000),
    body: Buffer.from(body),
  });
  const signature = Object.entries(signed).map(([name, value]) => `${name}: ${value}`);
  const v2 = [
    'Signature-Input: sig=("@method" "@authority" "@path" "@query");created=1790000000;keyid="pk_live_1";nonce="n";alg="hmac-sha256";tag="bridge-v2"',
    `Signature: sig=:${Buffer.alloc(32).toString('base64')}:`,
  ];
  return [
    {
      line: 'POST /getprofile',
      headers: [`Authorization: Bearer ${accessToken}`, `api-key: ${publicId}`, proof, JSON_TYPE],
      body,
    }, // prettier-ignore
    { line: 'POST /getprofile', headers: [`Authorization: Bearer ${secret}`, proof, JSON_TYPE], body },
    {
      line: 'POST /getprofile',
      headers: [`X-API-Key: ${held.signingPublicId}`, ...signature, proof, JSON_TYPE],
      body,
    }, // prettier-ignore
    {
      line: 'POST /getprofile',
      headers: [`X-API-Key: ${held.signingPublicId}`, ...v2, proof, JSON_TYPE],
      body,
    },
    { line: 'GET /whoami', headers: [`Authorization: Bearer ${secret}`], body: '' },
    { line: 'GET /whoami?x=1', headers: [`X-API-Key: ${publicId}`], body: '' },
    { line: 'POST /access_token?grant_type=client_credentials', headers: [basic], body: '' },
    {
      line: 'POST /oauth/token',
      headers: [basic, FORM],
      body: 'grant_type=client_credentials&scope=profile%3Aread',
    },
    {
      line: 'POST /oauth/token',
      headers: [JSON_TYPE],
      body: `{"grant_type":"client_credentials","client_id":"${clientId}","client_secret":"${clientSecret}"}`,
    }, // prettier-ignore
    {
      line: 'POST /oauth/token',
      headers: [basic, FORM],
      body: 'grant_type=authorization_code&code=x&code_verifier=y&redirect_uri=https%3A%2F%2Fa.example',
    }, // prettier-ignore
    { line: 'POST /oauth/introspect', headers: [basic, FORM], body: `token=${accessToken}` },
    { line: 'POST /oauth/revoke', headers: [basic, FORM], body: 'token=invented' },
    {
      line: 'GET /oauth/authorize?response_type=code&client_id=cl_x&redirect_uri=https%3A%2F%2Fa.example&code_challenge=z&code_challenge_method=S256',
      headers: [],
      body: '',
    }, // prettier-ignore
    { line: 'GET /oauth/userinfo', headers: [`Authorization: Bearer ${accessToken}`], body: '' },
    {
      line: 'POST /customer_authenticate',
      headers: [FORM],
      body: 'username=mira&password=wrong&channel=ios',
    },
    {
      line: 'POST /customer_authenticate',
      headers: [JSON_TYPE],
      body: '{"subject_token":"a.b.c","subject_token_type":"urn:ietf:params:oauth:token-type:jwt","channel":"ios"}',
    }, // prettier-ignore
    {
      line: 'GET /customer_session',
      headers: [
        'Cookie: __Host-symbolon=s%3Aabc.def; other=1',
        'X-Symbolon-CSRF: 1',
        'Origin: https://shop.test',
      ],
      body: '',
    }, // prettier-ignore
    { line: 'POST /customer_session/token', headers: [JSON_TYPE], body: '{"channel":"ios"}' },
    {
      line: 'DELETE /customer_session?everywhere=true',
      headers: ['Cookie: __Host-symbolon=s%3Aabc.def'],
      body: '',
    },
    {
      line: 'POST /channels/ios/token',
      headers: ['Authorization: Bearer rt_x', JSON_TYPE],
      body: '{"input":{"nonce":"a"}}',
    }, // prettier-ignore
    {
      line: 'GET /.well-known/jwks.json',
      headers: ['If-None-Match: "x"', `traceparent: 00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`],
      body: '',
    }, // prettier-ignore
    {
      line: 'OPTIONS /customer_authenticate',
      headers: ['Origin: https://shop.test', 'Access-Control-Request-Method: POST'],
      body: '',
    }, // prettier-ignore
    { line: 'GET /health/ready', headers: ['X-Forwarded-For: 192.0.2.1, [::1]:5'], body: '' },
  ];
}

const END = '\u0000end\u0000';

/** One text for each request, so that changes may fall anywhere; it is put together again for the wire. */
const flattened = ({ line, headers, body }: WireRequest) => [line, ...headers, END + body].join('\n');

function onWire(text: string): Buffer {
  const [head = '', body = ''] = text.split(END, 2);
  const [line = '', ...headers] = head.split('\n').filter((one) => one !== '');
  const length = body === '' ? [] : [`Content-Length: ${body.length}`];
  const lines = [`${line} HTTP/1.1`, 'Host: id.test', 'Connection: close', ...length, ...headers];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`, 'latin1');
}

/** A silent connection is given up after this long: a changed length lets the server wait for bytes that never come. */
const PATIENCE_MS = 400;

/** Sends bytes, and returns the status of the answer; 0 when the connection ended, or stayed silent, without one. */
async function sent(target: URL, bytes: Buffer): Promise<number> {
  const socket = connect(Number(target.port), target.hostname);
  socket.on('error', () => {});
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  socket.write(bytes);
  await once(socket, 'close');
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
}

export interface Campaign {
  /** How often each status came; 0 for no answer. */
  statuses: Map<number, number>;
  /** The first requests that were answered with a 5xx. */
  failures: string[];
}

/** Sends `count` requests, most of them changed somewhere, a few at a time. */
export async function runCampaign(
  url: string,
  requests: readonly WireRequest[],
  options: { count: number; seed: number; deadlineMs?: number },
): Promise<Campaign> {
  const target = new URL(url);
  const texts = sample(mutated(requests.map(flattened)), { numRuns: options.count, seed: options.seed });
  const statuses = new Map<number, number>();
  const failures: string[] = [];
  const endsAtMs = performance.now() + (options.deadlineMs ?? Number.POSITIVE_INFINITY);
  let next = 0;
  const worker = async () => {
    while (next < texts.length && performance.now() < endsAtMs) {
      const { input } = texts[next++] as { input: string };
      const bytes = onWire(input);
      const status = await sent(target, bytes);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status >= 500 && failures.length < 10)
        failures.push(`${status} ${JSON.stringify(bytes.toString('latin1'))}`);
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  return { statuses, failures };
}

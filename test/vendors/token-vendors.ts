/** Vendors whose own API gives the token: real servers on loopback that answer as documented. */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { refuse, type Visitor } from './vendor.ts';

export interface TokenVendor extends AsyncDisposable {
  id: string;
  baseUrl: string;
  /** Header with which the company shows its API credentials. */
  credentials: Readonly<Record<string, string>>;
  /** Calls that were answered with a token. */
  issued(): number;
  /** The widget connects with what it was handed. Throws `VendorRefused`. */
  admit(web: Readonly<Record<string, unknown>>, token: string, nowMs: number): Visitor;
}

interface Answer {
  status: number;
  body: object;
}

type Issue = (request: {
  path: string;
  headers: IncomingMessage['headers'];
  body: Record<string, unknown>;
}) => Answer;

async function serve(issue: Issue) {
  let issued = 0;
  const handle = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}') as Record<string, unknown>;
    const path = decodeURIComponent(req.url ?? '');
    const answer: Answer =
      req.method === 'POST' ? issue({ path, headers: req.headers, body }) : { status: 405, body: {} };
    if (answer.status === 200) issued += 1;
    res.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
  };
  const server = createServer((req, res) => void handle(req, res));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    issued: () => issued,
    [Symbol.asyncDispose]: () => new Promise<void>((done) => server.close(() => done())),
  };
}

/** Session tokens of Sendbird: for users that exist, until `expires_at` in milliseconds. */
export async function startSendbird(users: { includes(user: string): boolean }): Promise<TokenVendor> {
  const apiToken = randomBytes(20).toString('hex');
  const sessions = new Map<string, { user: string; expiresAtMs: number }>();
  const server = await serve(({ path, headers, body }) => {
    const user = /^\/v3\/users\/([^/]+)\/token$/.exec(path)?.[1];
    if (headers['api-token'] !== apiToken) return { status: 401, body: { error: true, code: 400_401 } };
    if (user === undefined) return { status: 404, body: { error: true } };
    if (!users.includes(user))
      return { status: 400, body: { error: true, code: 400_201, message: 'User not found.' } };
    const { expires_at: expiresAt } = body;
    if (!Number.isSafeInteger(expiresAt) || (expiresAt as number) < 1e12) {
      return {
        status: 400,
        body: { error: true, code: 400_111, message: 'expires_at must be milliseconds.' },
      };
    }
    const token = randomBytes(20).toString('hex');
    sessions.set(token, { user, expiresAtMs: expiresAt as number });
    return { status: 200, body: { token, expires_at: expiresAt } };
  });
  return {
    id: 'sendbird',
    ...server,
    credentials: { 'api-token': apiToken },
    admit(web, token, nowMs) {
      const session = sessions.get(token);
      if (!session || session.user !== web['userId']) return refuse('400310: session token revoked');
      if (session.expiresAtMs <= nowMs) refuse('400309: session token expired');
      return { customer: session.user, told: {} };
    },
  };
}

const HUBSPOT_LIFE_MS = 12 * 3_600_000;

/** Identification tokens of HubSpot: for a mail address, for twelve hours. */
export async function startHubspot(nowMs: () => number): Promise<TokenVendor> {
  const accessToken = `pat-${randomBytes(16).toString('hex')}`;
  const visitors = new Map<string, { email: string; told: Record<string, unknown>; untilMs: number }>();
  const server = await serve(({ path, headers, body }) => {
    if (headers.authorization !== `Bearer ${accessToken}`) return { status: 401, body: { status: 'error' } };
    if (!/^\/visitor-identification\/(v3|20\d\d-\d\d)\/tokens\/create$/.test(path))
      return { status: 404, body: {} };
    const { email, ...told } = body;
    if (typeof email !== 'string' || !email.includes('@')) return { status: 400, body: { status: 'error' } };
    if (Object.keys(told).some((name) => name !== 'firstName' && name !== 'lastName')) {
      return { status: 400, body: { status: 'error' } };
    }
    const token = randomBytes(24).toString('base64url');
    visitors.set(token, { email, told, untilMs: nowMs() + HUBSPOT_LIFE_MS });
    return { status: 200, body: { token } };
  });
  return {
    id: 'hubspot',
    ...server,
    credentials: { authorization: `Bearer ${accessToken}` },
    admit(web, token, at) {
      const visitor = visitors.get(token);
      if (!visitor || web['identificationToken'] !== token) return refuse('unknown visitor');
      if (visitor.email !== web['identificationEmail']) refuse('the token is for another address');
      if (visitor.untilMs <= at) refuse('the token is over');
      return { customer: visitor.email, told: visitor.told };
    },
  };
}

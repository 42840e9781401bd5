/**
 * What most would write: Express with helmet and its parsers, express-session (in memory, or in Redis with
 * connect-redis), pino with a child logger for each request, jose for every token, axios for the backend.
 */
import { argon2, createHash, createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import axios from 'axios';
import { RedisStore } from 'connect-redis';
import express, { type Request } from 'express';
import session from 'express-session';
import helmet from 'helmet';
import { exportJWK, exportSPKI, generateKeyPair, importJWK, jwtVerify, SignJWT } from 'jose';
import { pino } from 'pino';
import { createClient } from 'redis';

declare module 'express-session' {
  interface SessionData {
    user: string;
  }
}

const hash = promisify(argon2);
const backend = process.env.BACKEND_URL as string;
const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
const key = await importJWK(await exportJWK(publicKey), 'ES256');
const apiKeys = new Map([[createHash('sha256').update('pk_bench').digest('hex'), 'chatco']]);
/** By the lower-case hex SHA-256 of its secret, as partners sign. */
const signingKey = createHash('sha256').update('sk_bench').digest('hex');
const issuer = 'http://127.0.0.1';
const log = pino({}, pino.destination('/dev/null'));

const sign = (audience: string, subject: string) =>
  new SignJWT({ scope: 'profile:read' })
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(subject)
    .setIssuedAt()
    .setJti(randomUUID())
    .setExpirationTime('10m')
    .sign(privateKey);

const COST = { memory: 19_456, passes: 2, parallelism: 1, tagLength: 32 };
const salt = randomBytes(16);
const stored = await hash('argon2id', { ...COST, message: Buffer.from('bench password'), nonce: salt });

async function sessionStore() {
  const url = process.env.REDIS_URL;
  if (url === undefined) return {};
  const client = createClient({ url });
  await client.connect();
  return { store: new RedisStore({ client, ttl: 3_600 }) };
}

const app = express();
app.use(helmet());
app.use((_req, res, next) => {
  const child = log.child({ request_id: randomUUID() });
  res.on('finish', () => child.info({ status: res.statusCode }, 'request'));
  next();
});
const rawBodies = new WeakMap<object, Buffer>();
app.use(express.json({ verify: (req, _res, body) => void rawBodies.set(req, body) }));
app.use(express.urlencoded({ extended: false }));
const sessions = session({
  secret: 'bench secret',
  resave: false,
  saveUninitialized: false,
  ...(await sessionStore()),
});

async function profileOf(req: Request) {
  const customer = String(req.headers['customer-auth'] ?? '').replace(/^JWT /, '');
  const { payload } = await jwtVerify(customer, key, { issuer, audience: 'web' });
  const { data } = await axios.get<{ plan: string; balance: number }>(`${backend}/profile`, {
    headers: { 'x-customer': payload.sub },
  });
  return { customer_id: payload.sub, profile: { plan: data.plan, balance: data.balance } };
}

app.post('/getprofile', async (req, res) => {
  try {
    const bearer = req.headers.authorization?.replace(/^Bearer /, '') ?? '';
    await jwtVerify(bearer, key, { issuer, audience: 'api' });
    const digest = createHash('sha256').update(String(req.headers['api-key'])).digest('hex');
    if (!apiKeys.has(digest)) throw new Error('key');
    res.json(await profileOf(req));
  } catch {
    res.status(401).json({ error: 'unauthorized' });
  }
});

const seen = new Map<string, number>();
setInterval(() => {
  const now = Date.now();
  for (const [signature, until] of seen) if (until < now) seen.delete(signature);
}, 60_000).unref();

app.post('/signed/getprofile', async (req, res) => {
  try {
    const timestamp = String(req.headers['x-timestamp']);
    if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) throw new Error('time');
    const body = rawBodies.get(req) ?? Buffer.alloc(0);
    const right = createHmac('sha256', signingKey).update(`${timestamp}.`).update(body).digest();
    const given = Buffer.from(String(req.headers['x-api-signature']), 'hex');
    if (given.length !== right.length || !timingSafeEqual(given, right)) throw new Error('signature');
    const id = right.toString('hex');
    if (seen.has(id)) throw new Error('replayed');
    seen.set(id, (Number(timestamp) + 300) * 1000);
    res.json(await profileOf(req));
  } catch {
    res.status(401).json({ error: 'unauthorized' });
  }
});

app.post('/access_token', async (req, res) => {
  const { client_id: id, client_secret: secret } = req.body as Record<string, string>;
  if (id !== 'client' || secret !== 'client-secret')
    return void res.status(401).json({ error: 'invalid_client' });
  res.json({ access_token: await sign('api', id), token_type: 'Bearer', expires_in: 600 });
});

app.post('/customer_authenticate', async (req, res) => {
  const { username, password } = req.body as Record<string, string>;
  const message = Buffer.from(String(password));
  const tag = await hash('argon2id', { ...COST, message, nonce: salt });
  if (username !== 'one' || !timingSafeEqual(tag, stored))
    return void res.status(401).json({ error: 'invalid_credentials' });
  res.json({ JWT: await sign('web', 'C-1') });
});

app.post('/login', sessions, (req, res) => {
  req.session.user = 'C-1';
  res.json({});
});
app.post('/customer_session/token', sessions, async (req, res) => {
  if (!req.session.user) return void res.status(401).json({ error: 'unauthorized' });
  res.json({ JWT: await sign('web', req.session.user) });
});
app.get('/health/live', (_req, res) => void res.json({ status: 'ok' }));

const access = await sign('api', 'client');
// As many customers as a cold run may use up.
const customers = await Promise.all(
  Array.from({ length: Number(process.env.CUSTOMERS ?? 1) }, (_, i) => sign('web', `C-${i + 1}`)),
);
const publicPem = await exportSPKI(publicKey);
const server = app.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ address: server.address(), access, customers, publicPem }));
});

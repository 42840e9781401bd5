/**
 * What most would write: Express with helmet and its parsers, express-session, pino with a child logger for each
 * request, jose for every token, axios for the backend. All keys and records in memory.
 */
import { createHash, randomUUID } from 'node:crypto';
import axios from 'axios';
import express from 'express';
import session from 'express-session';
import helmet from 'helmet';
import { exportJWK, generateKeyPair, importJWK, jwtVerify, SignJWT } from 'jose';
import { pino } from 'pino';

declare module 'express-session' {
  interface SessionData {
    user: string;
  }
}

const backend = process.env.BACKEND_URL as string;
const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
const key = await importJWK(await exportJWK(publicKey), 'ES256');
const apiKeys = new Map([[createHash('sha256').update('pk_bench').digest('hex'), 'chatco']]);
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

const app = express();
app.use(helmet());
app.use((_req, res, next) => {
  const child = log.child({ request_id: randomUUID() });
  res.on('finish', () => child.info({ status: res.statusCode }, 'request'));
  next();
});
app.use(express.json());
app.use(express.urlencoded({ extended: false }));
const sessions = session({ secret: 'bench secret', resave: false, saveUninitialized: false });

app.post('/getprofile', async (req, res) => {
  try {
    const bearer = req.headers.authorization?.replace(/^Bearer /, '') ?? '';
    const customer = String(req.headers['customer-auth'] ?? '').replace(/^JWT /, '');
    await jwtVerify(bearer, key, { issuer, audience: 'api' });
    const { payload } = await jwtVerify(customer, key, { issuer, audience: 'web' });
    const digest = createHash('sha256').update(String(req.headers['api-key'])).digest('hex');
    if (!apiKeys.has(digest)) throw new Error('key');
    const { data } = await axios.get<{ plan: string; balance: number }>(`${backend}/profile`, {
      headers: { 'x-customer': payload.sub },
    });
    res.json({ customer_id: payload.sub, profile: { plan: data.plan, balance: data.balance } });
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
app.post('/login', sessions, (req, res) => {
  req.session.user = 'C-1';
  res.json({});
});
app.post('/customer_session/token', sessions, async (req, res) => {
  if (!req.session.user) return void res.status(401).json({ error: 'unauthorized' });
  res.json({ JWT: await sign('web', req.session.user) });
});

const access = await sign('api', 'client');
const customer = await sign('web', 'C-1');
const server = app.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ address: server.address(), access, customer }));
});

/** The floor: raw node:http that checks nothing; a proxy on an undici pool, and a constant answer. */
import { createServer } from 'node:http';
import { Pool } from 'undici';

const pool = new Pool(process.env.BACKEND_URL as string, { connections: 32 });
const ok = '{"status":"ok"}';
const server = createServer((req, res) => {
  req.resume();
  if (req.method === 'GET') {
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': ok.length });
    res.end(ok);
    return;
  }
  void pool.request({ path: '/profile', method: 'GET' }).then(async ({ body }) => {
    const bytes = Buffer.from(await body.arrayBuffer());
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length });
    res.end(bytes);
  });
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ address: server.address() })));

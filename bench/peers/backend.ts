/** The profile backend that every contestant of /getprofile asks: a constant answer of about one kilobyte. */
import { createServer } from 'node:http';

const body = JSON.stringify({
  customer: { id: 'C-1' },
  plan: 'Fibre 500',
  balance: 12.5,
  padding: 'x'.repeat(880),
});
const server = createServer((req, res) => {
  req.resume();
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  res.end(body);
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ address: server.address() })));

import { once } from 'node:events';
import { connect } from 'node:net';

export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  /** Empty when the connection was closed without one. */
  text: string;
}

function parseAnswer(bytes: Buffer): RawAnswer {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return { status: 0, headers: {}, text: bytes.toString() };
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1] ?? 0);
  return { status, headers, text: bytes.subarray(end + 4).toString() };
}

/**
 * Sends bytes exactly as given and reads until the server closes, or until one answer of a stated length has come.
 * Status 0 when there was none. At most `timeoutMs` (default 5,000), then it fails.
 */
export async function rawRequest(
  url: string,
  bytes: string | Buffer,
  options: { timeoutMs?: number } = {},
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const received: Buffer[] = [];
  const complete = (): boolean => {
    const { headers, text, status } = parseAnswer(Buffer.concat(received));
    return status !== 0 && Buffer.byteLength(text) >= Number(headers['content-length'] ?? Number.NaN);
  };
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    socket.destroy();
  }, options.timeoutMs ?? 5_000);
  // A server that refuses may reset the connection while we still send.
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    received.push(chunk);
    if (complete()) socket.destroy();
  });
  socket.write(bytes);
  await once(socket, 'close');
  clearTimeout(timer);
  if (late)
    throw new Error(`no complete answer; so far: ${Buffer.concat(received).toString().slice(0, 200)}`);
  return parseAnswer(Buffer.concat(received));
}

/**
 * One LDAP connection for one attempt: TCP or TLS, StartTLS done here, and a deadline and a size that bound all of it.
 * The certificate is always checked; there is no setting that turns it off.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { Client } from 'ldapts';
import { ldapts } from './ldap-client.ts';

export type LdapFailure =
  | 'unreachable'
  | 'timeout'
  | 'untrusted'
  | 'start_tls_refused'
  | 'protocol'
  | 'closed';

/** The directory server could not be asked; `detail` is a code of the system's, never anybody's text. */
export class LdapUnavailable extends Error {
  readonly failure: LdapFailure;
  readonly detail: string | undefined;
  constructor(failure: LdapFailure, detail?: string) {
    super(failure);
    this.name = 'LdapUnavailable';
    this.failure = failure;
    this.detail = detail;
  }
}

export interface LdapServer {
  host: string;
  port: number;
  security: 'ldaps' | 'start_tls' | 'none';
  /** PEM; default: the authorities that Node trusts. */
  ca: string | undefined;
  /** Name that the certificate must have; default: the host. */
  serverName: string | undefined;
}

/** ExtendedRequest 1 for StartTLS (RFC 4511 section 4.14.1). */
const START_TLS = Buffer.concat([
  Buffer.from([0x30, 0x1d, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16]),
  Buffer.from('1.3.6.1.4.1.1466.20037', 'latin1'),
]);
/** What a server may send in one attempt; entries are read with their few named attributes only. */
const MAX_RECEIVED_BYTES = 1_048_576;
const MAX_START_TLS_BYTES = 1_024;

/** Codes of a certificate that does not convince. */
const UNTRUSTED =
  /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ALTNAME|ERR_TLS_CERT|INVALID_(CA|PURPOSE)|HOSTNAME_MISMATCH/;

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : undefined;
}

function failureOf(error: unknown): LdapUnavailable {
  if (error instanceof LdapUnavailable) return error;
  const code = codeOf(error);
  return new LdapUnavailable(code !== undefined && UNTRUSTED.test(code) ? 'untrusted' : 'unreachable', code);
}

/** One header and its content: where the content begins and ends. `undefined` while bytes are missing. */
function element(bytes: Buffer, at: number): { tag: number; start: number; end: number } | undefined {
  const [tag, first] = [bytes[at], bytes[at + 1]];
  if (tag === undefined || first === undefined) return undefined;
  if (first < 0x80) return { tag, start: at + 2, end: at + 2 + first };
  const lengthBytes = first & 0x7f;
  if (lengthBytes === 0 || lengthBytes > 4) throw new LdapUnavailable('protocol');
  if (bytes.length < at + 2 + lengthBytes) return undefined;
  const start = at + 2 + lengthBytes;
  return { tag, start, end: start + bytes.readUIntBE(at + 2, lengthBytes) };
}

/**
 * Reads the answer to StartTLS. `undefined` while it is incomplete. Bytes behind it are an attack: they would be read
 * as if they had come under TLS (as in CVE-2011-0411), so they end the connection.
 */
function readStartTlsAnswer(bytes: Buffer): 'go_on' | undefined {
  const message = element(bytes, 0);
  if (!message || bytes.length < message.end) return undefined;
  if (message.tag !== 0x30 || bytes.length > message.end) throw new LdapUnavailable('protocol');
  const id = element(bytes, message.start);
  const response = id && element(bytes, id.end);
  const code = response && element(bytes, response.start);
  if (id?.tag !== 0x02 || bytes[id.start] !== 1 || response?.tag !== 0x78 || code?.tag !== 0x0a)
    throw new LdapUnavailable('protocol');
  if (bytes[code.start] !== 0) throw new LdapUnavailable('start_tls_refused', `LDAP_${bytes[code.start]}`);
  return 'go_on';
}

function startTls(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const done = (settle: () => void) => {
      socket.off('data', onData);
      socket.pause();
      settle();
    };
    const onData = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      try {
        if (received.length > MAX_START_TLS_BYTES) throw new LdapUnavailable('protocol');
        if (readStartTlsAnswer(received)) done(resolve);
      } catch (error) {
        done(() => reject(failureOf(error)));
      }
    };
    socket.on('data', onData);
    socket.write(START_TLS);
  });
}

/** Waits for an event of a socket; an error or the end of it rejects. */
function until(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    socket.once('error', (error) => reject(failureOf(error)));
    socket.once('close', () => reject(new LdapUnavailable('closed')));
  });
}

async function openSocket(server: LdapServer, signal: AbortSignal): Promise<Socket> {
  const { host, port, serverName, ca } = server;
  const named = serverName ?? host;
  const tls: ConnectionOptions = {
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    host: named,
    // A server name is never an address (RFC 6066 section 3); the certificate is compared with `host` then.
    ...(isIP(named) ? {} : { servername: named }),
    ...(ca === undefined ? {} : { ca }),
  };
  const tcp = connectTcp({ host, port, noDelay: true });
  signal.addEventListener('abort', () => tcp.destroy(), { once: true });
  // Told to whoever waits; a late error must not end the process.
  tcp.on('error', () => {});
  await until(tcp, 'connect');
  if (server.security === 'none') return tcp;
  if (server.security === 'start_tls') {
    const ended = new Promise<never>((_resolve, reject) =>
      tcp.once('close', () => reject(new LdapUnavailable('closed'))),
    );
    await Promise.race([startTls(tcp), ended]);
  }
  const secure = process.getBuiltinModule('node:tls').connect({ ...tls, socket: tcp });
  secure.on('error', () => {});
  await until(secure, 'secureConnect');
  return secure;
}

/**
 * Runs `use` with a connected client and closes the connection. Throws `LdapUnavailable`, also when the time is up or
 * `ended` says that the service closes, and whatever `use` throws of the server's own result codes.
 */
export async function withLdapClient<Result>(
  server: LdapServer,
  limits: { timeoutMs: number; ended: AbortSignal },
  use: (client: Client) => Promise<Result>,
): Promise<Result> {
  const deadline = AbortSignal.timeout(limits.timeoutMs);
  const signal = AbortSignal.any([deadline, limits.ended]);
  let socket: Socket | undefined;
  try {
    signal.throwIfAborted();
    const open = await openSocket(server, signal);
    socket = open;
    let received = 0;
    open.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received > MAX_RECEIVED_BYTES) open.destroy();
    });
    signal.addEventListener('abort', () => open.destroy(), { once: true });
    const createConnection = (() => open) as typeof connectTcp;
    const { Client: LdapClient } = ldapts();
    return await use(new LdapClient({ url: 'ldap://connected', strictDN: false, createConnection }));
  } catch (error) {
    if (signal.aborted) throw new LdapUnavailable(deadline.aborted ? 'timeout' : 'closed');
    throw error;
  } finally {
    socket?.destroy();
  }
}

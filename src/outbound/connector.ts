import { connect, isIP, type LookupFunction, type Socket, type TcpNetConnectOpts } from 'node:net';
import {
  type ConnectionOptions,
  connect as connectTls,
  createSecureContext,
  type SecureContext,
} from 'node:tls';
import { callbackify } from 'node:util';
import { type GuardedBase, isInsideAddress, mayCallAddress } from './address-guard.ts';

/** The code of the error with which the connector refuses a resolved address. */
export const REFUSED_ADDRESS = 'ERR_SYMBOLON_REFUSED_ADDRESS';
/** The code of the error with which the connector refuses a name that was public and now leads into a network of ours. */
export const MOVED_INSIDE = 'ERR_SYMBOLON_MOVED_INSIDE';

/** All addresses of a host name. */
export type ResolveHost = (hostname: string) => Promise<{ address: string; family: number }[]>;

export function errorWithCode(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}

/**
 * Resolves a name and hands the socket only addresses that passed the guard, so that what was checked is what is
 * called: a name that answers differently the second time (DNS rebinding) gains nothing. A name that was public when
 * it was first resolved may not lead into a network of our own later; only a restart learns anew.
 */
function guardedLookup(resolveHost: ResolveHost, loopbackOnly: boolean): LookupFunction {
  let wasPublic: boolean | undefined;
  const allowed = async (hostname: string) => {
    const addresses = await resolveHost(hostname);
    if (addresses.some(({ address }) => !mayCallAddress(address, loopbackOnly))) {
      throw errorWithCode(REFUSED_ADDRESS);
    }
    const [first] = addresses;
    if (!first) throw errorWithCode('ENOTFOUND');
    const leadsInside = addresses.some(({ address }) => isInsideAddress(address));
    if (wasPublic === true && leadsInside) throw errorWithCode(MOVED_INSIDE);
    wasPublic ??= !leadsInside;
    return { addresses, first };
  };
  const resolve = callbackify(allowed);
  return (hostname, options, callback) => {
    resolve(hostname, (error, found) => {
      if (error) callback(error, '');
      else if (options.all) callback(null, found.addresses);
      else callback(null, found.first.address, found.first.family);
    });
  };
}

export interface ConnectorOptions {
  /** For name look-up, connection and TLS together. */
  timeoutMs: number;
  resolveHost: ResolveHost;
  /** Default: no certificate of ours, and the authorities that the system trusts. */
  tls: SecureContext | undefined;
}

/** What a context of TLS is made from; PEM. */
export interface TlsMaterial {
  cert?: string | undefined;
  key?: string | undefined;
  /** In place of the authorities that the system trusts. */
  ca?: string | undefined;
}

/** TLS 1.2 at least. Throws what OpenSSL throws for material that it does not take. */
export function openTlsContext(material: TlsMaterial = {}): SecureContext {
  return createSecureContext({ ...material, minVersion: 'TLSv1.2' });
}

/** Takes what a connection reads; the bytes may be overwritten once it returns. */
export type OnBytes = (bytes: Buffer) => void;

/** Opens connections to one origin. `ready` is called at most once, when the connection stands or has failed. */
export type Connect = (onBytes: OnBytes, ready: (error: Error | undefined) => void) => Socket;

/** Bytes that one read takes at most. */
const READ_BYTES = 16_384;
const KEEP_ALIVE_AFTER_MS = 60_000;

/** A connection of plain TCP reads into one buffer of its own, again and again: a stream would allocate for every read. */
function plainConnection(
  target: { host: string; port: number; lookup: LookupFunction },
  onBytes: OnBytes,
): Socket {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  return connect({
    ...target,
    autoSelectFamily: true,
    onread: {
      buffer,
      callback: (length) => {
        onBytes(length === buffer.length ? buffer : buffer.subarray(0, length));
        return true;
      },
    },
  });
}

/** Connects to addresses that passed the guard and no others, within `timeoutMs`; HTTP/1.1 alone. */
export function createConnector(base: GuardedBase, options: ConnectorOptions): Connect {
  const { timeoutMs, resolveHost, tls } = options;
  const { protocol, hostname, port } = new URL(base.origin);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const isSecure = protocol === 'https:';
  const target = {
    host,
    port: port === '' ? (isSecure ? 443 : 80) : Number(port),
    lookup: guardedLookup(resolveHost, base.loopbackOnly),
  };
  const secureContext = isSecure ? (tls ?? openTlsContext()) : undefined;
  let session: Buffer | undefined;

  const secureConnection = (onBytes: OnBytes): Socket => {
    const settings = {
      ...target,
      ...(secureContext && { secureContext }),
      autoSelectFamily: true,
      ALPNProtocols: ['http/1.1'],
      servername: isIP(host) === 0 ? host : '',
      ...(session && { session }),
    } satisfies Partial<ConnectionOptions> & Partial<TcpNetConnectOpts>;
    const socket = connectTls(settings as ConnectionOptions);
    socket.on('session', (made) => (session = made));
    socket.on('data', onBytes);
    return socket;
  };

  return (onBytes, ready) => {
    const socket = isSecure ? secureConnection(onBytes) : plainConnection(target, onBytes);
    let timer: NodeJS.Timeout | undefined;
    const settle = (error: Error | undefined) => {
      if (!timer) return;
      clearTimeout(timer);
      timer = undefined;
      ready(error);
    };
    timer = setTimeout(() => {
      settle(errorWithCode('ETIMEDOUT'));
      socket.destroy();
    }, timeoutMs);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_AFTER_MS);
    socket.once(isSecure ? 'secureConnect' : 'connect', () => settle(undefined));
    socket.on('error', settle);
    socket.once('close', () => settle(errorWithCode('ECONNRESET')));
    return socket;
  };
}

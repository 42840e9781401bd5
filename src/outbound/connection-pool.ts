import type { Socket } from 'node:net';
import { type Clock, systemClock } from '../platform/clock.ts';
import { type Connect, errorWithCode } from './connector.ts';
import { type AnswerReader, createAnswerReader } from './http1-answer.ts';
import { encodeRequest } from './http1-request.ts';
import type { OutboundFailure, OutboundRequest, OutboundResponse } from './outbound-types.ts';

/** How far a call's connection had come when it broke: not yet to stand, to the request alone, or into the answer. */
export type BrokenWhile = 'connecting' | 'waiting' | 'answering';

/** What becomes of one call: exactly one of its ends is told, unless it was cut. */
export interface PooledCall {
  readonly maxResponseBytes: number;
  answered(response: OutboundResponse): void;
  failed(failure: OutboundFailure): void;
  /** The request is none that can be sent, or the pool is closed: no connection was asked for. */
  unsent(failure: OutboundFailure): void;
  /** The connection could not be had, or broke. */
  broke(error: Error, during: BrokenWhile): void;
}

export interface ConnectionPool {
  /** Sends a request at once, on an idle connection or a new one. Returns what cuts the call's connection. */
  dispatch(request: OutboundRequest, call: PooledCall): () => void;
  /** Connections made so far. */
  connects(): number;
  /** Takes no more calls, and resolves when those under way have ended. */
  close(): Promise<void>;
  /** Ends all connections and the calls on them. */
  destroy(): void;
}

export interface ConnectionPoolDeps {
  /** Host, and port unless it is the scheme's own. */
  authority: string;
  connect: Connect;
  /** Calls at a time are the caller's to bound, by this number or a lower one. */
  maxConnections: number;
}

interface Connection {
  socket: Socket;
  /** The call that the connection is busy with. */
  call: PooledCall | undefined;
  reader: AnswerReader;
  /** Whether it came about, TLS included. */
  stood: boolean;
  /** Monotonic time after which an idle connection is not used again. */
  idleUntilMs: number;
}

/** Connections are timed as they are, whatever a test clock says. */
const elapsed: Pick<Clock, 'monotonicMs'> = systemClock;
const SWEEP_MS = 1_000;

/**
 * Kept connections of HTTP/1.1 to one origin, one call at a time on each. Nothing is sent twice. A connection is used
 * again only after an answer that was whole and to the letter, with nothing after it, while the server can be expected to
 * keep it, and once the event loop has asked for news again: one that was closed right behind its answer shows by then.
 */
export function createConnectionPool(deps: ConnectionPoolDeps): ConnectionPool {
  const { authority, connect, maxConnections } = deps;
  const idle: Connection[] = [];
  /** Had an answer in this turn of the event loop; used before their time only when no further connection may be made. */
  let resting: Connection[] = [];
  /** Had it in the turn before: what the server did right after it is read in this one. */
  let rested: Connection[] = [];
  const open = new Set<Connection>();
  let connects = 0;
  let busy = 0;
  let closing: (() => void) | undefined;
  let isClosed = false;
  let isTurning = false;
  let sweeper: NodeJS.Timeout | undefined;

  const discard = (connection: Connection): void => {
    open.delete(connection);
    for (const kept of [idle, rested, resting]) {
      const at = kept.indexOf(connection);
      if (at >= 0) kept.splice(at, 1);
    }
    connection.socket.destroy();
  };
  /** Takes the call off its connection; whoever does so tells its end. */
  const release = (connection: Connection): PooledCall | undefined => {
    const { call } = connection;
    connection.call = undefined;
    if (!call) return undefined;
    busy -= 1;
    if (busy === 0) closing?.();
    return call;
  };
  const sweep = (): void => {
    const nowMs = elapsed.monotonicMs();
    for (const connection of idle.filter(({ idleUntilMs }) => idleUntilMs <= nowMs)) discard(connection);
    if (idle.length > 0 || rested.length > 0 || resting.length > 0) return;
    clearInterval(sweeper);
    sweeper = undefined;
  };
  const wake = (): void => {
    idle.push(...rested.splice(0), ...resting.splice(0));
  };
  /** At the end of a turn, after the event loop has read what came in. */
  const turn = (): void => {
    idle.push(...rested);
    rested = resting;
    resting = [];
    isTurning = rested.length > 0;
    if (isTurning) setImmediate(turn);
  };
  const rest = (connection: Connection, idleMs: number): void => {
    connection.idleUntilMs = elapsed.monotonicMs() + idleMs;
    resting.push(connection);
    if (!isTurning) setImmediate(turn);
    isTurning = true;
    sweeper ??= setInterval(sweep, SWEEP_MS).unref();
  };
  const broken = (connection: Connection, error: Error): void => {
    const during = connection.reader.begun() ? 'answering' : connection.stood ? 'waiting' : 'connecting';
    discard(connection);
    release(connection)?.broke(error, during);
  };

  const finish = (connection: Connection): void => {
    const { socket, reader } = connection;
    const idleMs = reader.idleMs();
    const call = release(connection);
    // An answer that came before the request was out leaves the rest of that on the connection.
    if (idleMs > 0 && !isClosed && socket.writableLength === 0 && !socket.destroyed) rest(connection, idleMs);
    else discard(connection);
    call?.answered(reader.answer());
  };
  const take = (connection: Connection, bytes: Buffer): void => {
    // Nobody has asked: whatever this is, it must not be taken for the next answer.
    if (!connection.call) return discard(connection);
    const state = connection.reader.push(bytes);
    if (state === 'more') return;
    if (state === 'whole') return finish(connection);
    discard(connection);
    release(connection)?.failed(state);
  };
  const ended = (connection: Connection): void => {
    const { call, reader } = connection;
    if (call && reader.begun() && reader.end() === 'whole') return finish(connection);
    broken(connection, errorWithCode('ECONNRESET'));
  };

  const make = (send: (connection: Connection) => void): Connection => {
    const socket = connect(
      (bytes) => take(connection, bytes),
      (error) => {
        if (error) return broken(connection, error);
        connects += 1;
        connection.stood = true;
        if (connection.call) send(connection);
      },
    );
    const reader = createAnswerReader();
    const connection: Connection = { socket, call: undefined, reader, stood: false, idleUntilMs: 0 };
    open.add(connection);
    socket.on('error', (error) => broken(connection, error));
    socket.on('end', () => ended(connection));
    socket.on('close', () => broken(connection, errorWithCode('ECONNRESET')));
    return connection;
  };
  const idleOne = (): Connection | undefined => {
    if (idle.length === 0 && open.size >= maxConnections) wake();
    const nowMs = idle.length === 0 ? 0 : elapsed.monotonicMs();
    for (let last = idle.pop(); last; last = idle.pop()) {
      if (last.idleUntilMs > nowMs && !last.socket.destroyed) return last;
      discard(last);
    }
    return undefined;
  };

  return {
    dispatch(request, call) {
      const bytes = encodeRequest(authority, request);
      if (isClosed || bytes === undefined) {
        call.unsent(bytes === undefined ? 'protocol' : 'unreachable');
        return () => {};
      }
      const send = ({ socket }: Connection) => void socket.write(bytes, 'latin1');
      const kept = idleOne();
      const connection = kept ?? make(send);
      connection.call = call;
      connection.reader.begin(call.maxResponseBytes);
      busy += 1;
      if (kept) send(kept);
      return () => {
        if (connection.call !== call) return;
        discard(connection);
        release(connection);
      };
    },
    connects: () => connects,
    close() {
      isClosed = true;
      clearInterval(sweeper);
      for (const connection of [...idle, ...rested, ...resting]) discard(connection);
      return busy === 0 ? Promise.resolve() : new Promise((resolve) => (closing = resolve));
    },
    destroy() {
      isClosed = true;
      for (const connection of open) broken(connection, errorWithCode('ERR_SYMBOLON_CLOSED'));
    },
  };
}

/**
 * The only fields a log line may carry. A value under any other name is dropped before it is written: what is
 * logged is decided by this list, not by a list of what to hide (ASVS 16.2.5).
 */
const ALLOWED_FIELDS = [
  'event',
  'outcome',
  'request_id',
  'method',
  'route',
  'status',
  'duration_ms',
  'address',
  'partner',
  'key_prefix',
  'client_id',
  'customer_id',
  'channel',
  'code',
  'reason',
  'backend',
  'authenticator',
  'sources',
  'url',
  'port',
  'jump_ms',
  'error',
  'count',
  'kid',
  'actor',
] as const;

export type LogField = (typeof ALLOWED_FIELDS)[number];
export type LogFields = Partial<Record<LogField, string | number | boolean | undefined>>;
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Writes one JSON object a line: UTC time, level, event and allowed fields. */
export interface Logger {
  log(level: LogLevel, fields: LogFields & { event: string }): void;
  /** Describes an unexpected error by its type and code alone: messages may hold what must not be logged. */
  unexpected(event: string, error: unknown, fields?: LogFields): void;
}

/** Where lines go; `process.stdout` has this shape. */
export interface LogSink {
  write(line: string): unknown;
}

/** Lines are gathered for this long, or until there is this much, and written at once. */
const GATHER_MS = 20;
const GATHER_CHARACTERS = 16_384;

/**
 * Gathers lines before they are written, because a write for every request costs more than the line. Lines that are
 * still gathered when the process is killed are lost; an orderly end writes them.
 */
export function gatheringSink(target: LogSink): LogSink {
  let gathered = '';
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (gathered === '') return;
    const lines = gathered;
    gathered = '';
    target.write(lines);
  };
  process.on('exit', flush);
  return {
    write: (line) => {
      gathered += line;
      if (gathered.length >= GATHER_CHARACTERS) flush();
      else timer ??= setTimeout(flush, GATHER_MS).unref();
    },
  };
}

const MAX_VALUE_LENGTH = 256;
/** How each field begins; a field that has no beginning is not written. */
const BEGINNINGS: ReadonlyMap<string, string> = new Map(ALLOWED_FIELDS.map((name) => [name, `,"${name}":`]));
/** Nothing in it needs to be escaped. */
const PLAIN = /^[\w .,:/-]*$/;

function textOf(value: string | number | boolean): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  if (value.length <= MAX_VALUE_LENGTH && PLAIN.test(value)) return `"${value}"`;
  return JSON.stringify(value.length > MAX_VALUE_LENGTH ? value.slice(0, MAX_VALUE_LENGTH) : value);
}

/** Type name and machine code of an error, with the first frame of our own code; never its message. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return `non-error ${typeof error}`;
  const code = 'code' in error && typeof error.code === 'string' ? ` ${error.code}` : '';
  const frame = /\(?(?:file:\/\/)?[^\s()]*\/((?:src|dist)\/[^\s()]+:\d+):\d+\)?/.exec(error.stack ?? '')?.[1];
  return `${error.name}${code}${frame ? ` at ${frame}` : ''}`.slice(0, MAX_VALUE_LENGTH);
}

/** The time of a line; under load many lines fall into one millisecond, whose text is made once. */
function createTimestamps(): () => string {
  let madeAtMs = Number.NaN;
  let text = '';
  return () => {
    const nowMs = Date.now();
    if (nowMs !== madeAtMs) {
      madeAtMs = nowMs;
      text = new Date(nowMs).toISOString();
    }
    return text;
  };
}

const RANKS: Readonly<Record<LogLevel | 'silent', number>> = {
  debug: 0,
  info: 1,
  warn: 2,
  error: 3,
  silent: 4,
};

/** Writes lines of `level` and above; a line that is not written costs nothing but the question. */
export function createLogger(level: LogLevel | 'silent', sink: LogSink): Logger {
  const least = RANKS[level];
  const timestamp = createTimestamps();
  const log: Logger['log'] = (at, fields) => {
    if (RANKS[at] < least) return;
    let line = `{"level":"${at}","time":"${timestamp()}"`;
    for (const name in fields) {
      const value = fields[name as LogField];
      const beginning = value === undefined ? undefined : BEGINNINGS.get(name);
      if (value !== undefined && beginning !== undefined) line += beginning + textOf(value);
    }
    sink.write(`${line}}\n`);
  };
  return {
    log,
    unexpected: (event, error, fields = {}) =>
      log('error', { ...fields, event, error: describeError(error) }),
  };
}

export const silentLogger: Logger = { log: () => {}, unexpected: () => {} };

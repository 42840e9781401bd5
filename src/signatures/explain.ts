import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import {
  PROBLEM_SENTENCES,
  type SignatureProblem,
  type SignatureVersion,
  type SignedRequest,
} from './signed-request.ts';
import {
  readV1,
  V1_SIGNATURE_HEADER,
  V1_TIMESTAMP_HEADER,
  V1_WINDOW_SECONDS,
  v1IsTimely,
  v1Matches,
  v1SignedBytes,
} from './v1.ts';
import {
  readV2,
  V2_WINDOW_SECONDS,
  type V2Signature,
  v2BodyProblem,
  v2MatchesEd25519,
  v2MatchesHmac,
  v2TimeProblem,
  ed25519PublicKey,
} from './v2.ts';

/** One part of a signature, looked at. */
export interface SignatureCheck {
  part: 'form' | 'time' | 'match' | 'body';
  ok: boolean;
  /** A sentence for the holder of the key. */
  message: string;
}

/** What was, or should have been, signed. */
export interface StringToSign {
  /** As text; of a long one the beginning. */
  text: string;
  truncated: boolean;
  bytes: number;
  /** Lower-case hex, to compare with one's own. */
  sha256: string;
}

export interface SignatureExplanation {
  version: SignatureVersion;
  right: boolean;
  checks: SignatureCheck[];
  stringToSign: StringToSign | undefined;
}

/** What a key has to check signatures with. Handed out to nobody; only verdicts leave this file. */
export interface ExplainingKeys {
  /** Of every secret that may still be used: 64 ASCII bytes each. */
  signingKeys: readonly Uint8Array[];
  /** Ed25519 public keys, base64url. */
  publicKeys: readonly string[];
  /** The secret itself, where the caller has it: tells a signature keyed with it. */
  secret?: string;
}

const MAX_TEXT_BYTES = 4_096;

function shown(bytes: Buffer): StringToSign {
  return {
    text: bytes.subarray(0, MAX_TEXT_BYTES).toString('utf8'),
    truncated: bytes.length > MAX_TEXT_BYTES,
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
}

const fine = (part: SignatureCheck['part'], message: string): SignatureCheck => ({ part, ok: true, message });
const wrong = (part: SignatureCheck['part'], message: string): SignatureCheck => ({
  part,
  ok: false,
  message,
});

const PART_OF: Partial<Record<SignatureProblem, SignatureCheck['part']>> = {
  digest_missing: 'body',
  digest_malformed: 'body',
  digest_mismatch: 'body',
  timestamp_missing: 'time',
  timestamp_malformed: 'time',
};

/** A way to sign the wrong bytes with the right key. */
interface Mistake {
  bytes: Buffer;
  message: string;
}

const binaryKey = (signingKey: Uint8Array): Uint8Array =>
  Buffer.from(Buffer.from(signingKey).toString('latin1'), 'hex');
const BINARY_KEY =
  'It is keyed with the 32 bytes of the secret’s SHA-256; the key is their 64 lower-case hex digits.';
const RAW_KEY = 'It is keyed with the secret itself; the key is the lower-case hex SHA-256 of the secret.';

/** The first known mistake that this MAC was made by. Only whoever holds the secret can have made it. */
function mistakeBehind(
  mac: Buffer,
  { signingKeys, secret }: ExplainingKeys,
  signed: { right: Buffer; mistakes: readonly Mistake[] },
): string | undefined {
  const madeWith = (key: Uint8Array, bytes: Buffer) => {
    const expected = createHmac('sha256', key).update(bytes).digest();
    return expected.length === mac.length && timingSafeEqual(expected, mac);
  };
  if (signingKeys.some((signingKey) => madeWith(binaryKey(signingKey), signed.right))) return BINARY_KEY;
  if (secret !== undefined && madeWith(Buffer.from(secret, 'utf8'), signed.right)) return RAW_KEY;
  return signed.mistakes.find(({ bytes }) => signingKeys.some((signingKey) => madeWith(signingKey, bytes)))
    ?.message;
}

/** An indented spelling grows with size times depth, so only a body within these bounds is written anew. */
const MAX_RESPELT_BYTES = 4_096;
const MAX_RESPELT_DEPTH = 16;
const MAX_GROWTH = 4;

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}

/** A JSON text written anew; empty for one that is none or is nested too deep. */
function writtenAnew(text: string): string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  if (isDeeperThan(value, MAX_RESPELT_DEPTH)) return [];
  const indented = JSON.stringify(value, null, 2);
  // As Python's json.dumps writes it.
  const python = JSON.stringify(value, null, 1)
    .replaceAll(/\n */g, ' ')
    .replaceAll(/([[{]) | ([\]}])/g, '$1$2');
  return [JSON.stringify(value), python, indented];
}

/** Ways in which a body is written differently from how it was sent: none much longer than it. */
function otherSpellings(body: Uint8Array): Buffer[] {
  const text = Buffer.from(body).toString('utf8');
  const spellings = [
    `${text}\n`,
    text.replace(/\r?\n$/, ''),
    ...(body.length > MAX_RESPELT_BYTES ? [] : writtenAnew(text)),
  ];
  const longest = MAX_GROWTH * text.length + 1;
  return spellings
    .filter((spelling) => spelling !== text && spelling.length <= longest)
    .map((spelling) => Buffer.from(spelling));
}

function v1Mistakes(timestamp: string, body: Uint8Array): Mistake[] {
  return [
    ...otherSpellings(body).map((other) => ({
      bytes: v1SignedBytes(timestamp, other),
      message:
        'It was made over the body in another spelling (white space or a line break); sign the very bytes that you send.',
    })),
    {
      bytes: Buffer.from(body),
      message: 'It was made over the body alone; the timestamp and a full stop come first.',
    },
    {
      bytes: Buffer.concat([Buffer.from(timestamp), body]),
      message: 'The full stop between timestamp and body is missing.',
    },
    {
      bytes: Buffer.concat([Buffer.from(`${timestamp}\n`), body]),
      message: 'Between timestamp and body stands a line break instead of a full stop.',
    },
    {
      bytes: Buffer.concat([body, Buffer.from(`.${timestamp}`)]),
      message: 'Body and timestamp are the wrong way round.',
    },
    {
      bytes: Buffer.from(`${timestamp}.`),
      message: 'It was made over an empty body, but the request has one.',
    },
  ];
}

function timeCheck(offsetSeconds: number, windowSeconds: number, ok: boolean): SignatureCheck {
  if (ok) return fine('time', `The time is within ${windowSeconds} seconds of ours.`);
  const far = Math.abs(offsetSeconds);
  const milliseconds = far > 1e11 ? ' It looks like milliseconds; it must be seconds.' : '';
  const side = offsetSeconds < 0 ? 'behind' : 'ahead of';
  return wrong(
    'time',
    `The time is ${far} seconds ${side} ours; ${windowSeconds} are allowed.${milliseconds}`,
  );
}

const MALFORMED_V1 = `${V1_SIGNATURE_HEADER} must be exactly 64 hex digits: no prefix, no list, not base64.`;

/** Says which part of a v1 signature is right and which is not; `undefined` when the request carries none. */
export function explainV1(
  request: SignedRequest,
  keys: ExplainingKeys,
  nowMs: number,
): SignatureExplanation | undefined {
  const read = readV1(request);
  if (read === undefined) return undefined;
  if (typeof read === 'string') {
    const timestamp = request.header(V1_TIMESTAMP_HEADER);
    const message = read === 'signature_malformed' ? MALFORMED_V1 : PROBLEM_SENTENCES[read];
    return {
      version: 'v1',
      right: false,
      checks: [wrong(PART_OF[read] ?? 'form', message)],
      stringToSign: timestamp === undefined ? undefined : shown(v1SignedBytes(timestamp, request.body)),
    };
  }
  const matches = keys.signingKeys.some((signingKey) => v1Matches(read, signingKey, request.body));
  const right = v1SignedBytes(read.timestamp, request.body);
  const mistake = matches
    ? undefined
    : mistakeBehind(read.mac, keys, { right, mistakes: v1Mistakes(read.timestamp, request.body) });
  const timely = v1IsTimely(read, nowMs);
  const offset = Number(read.timestamp) - Math.floor(nowMs / 1000);
  return {
    version: 'v1',
    right: matches && timely,
    checks: [
      fine('form', 'Both headers are there and well-formed.'),
      timeCheck(offset, V1_WINDOW_SECONDS, timely),
      matches
        ? fine('match', 'The signature is that of this body and this timestamp.')
        : wrong(
            'match',
            mistake ?? `${PROBLEM_SENTENCES.signature_mismatch} Compare the string to sign with yours.`,
          ),
    ],
    stringToSign: shown(right),
  };
}

/** Bases that a signer may have built by mistake. */
function v2Mistakes(signature: V2Signature, request: SignedRequest): Mistake[] {
  const baseOf = (change: Partial<SignedRequest>): Buffer => {
    const read = readV2({ ...request, ...change });
    return Buffer.from(typeof read === 'object' ? read.base : signature.base, 'latin1');
  };
  const host = request.header('host');
  const segments = request.path.split('/');
  return [
    {
      bytes: Buffer.from(`${signature.base}\n`, 'latin1'),
      message: 'The string to sign ends without a line break.',
    },
    {
      bytes: baseOf({ method: request.method.toLowerCase() }),
      message: '@method is written in upper case.',
    },
    ...(host === undefined
      ? []
      : [
          {
            bytes: baseOf({ authority: host }),
            message: '@authority is not the one of our public address.',
          },
        ]),
    {
      bytes: baseOf({ authority: request.authority.replace(/:\d+$/, '') }),
      message: '@authority lacks the port.',
    },
    {
      bytes: baseOf({ path: `/${segments.slice(2).join('/')}` }),
      message: '@path lacks the path of our public address.',
    },
  ];
}

/** Says which part of a v2 signature is right and which is not; `undefined` when the request carries none. */
export function explainV2(
  request: SignedRequest,
  keys: ExplainingKeys,
  nowMs: number,
): SignatureExplanation | undefined {
  const read = readV2(request);
  if (read === undefined) return undefined;
  if (typeof read === 'string') {
    const check = wrong(PART_OF[read] ?? 'form', PROBLEM_SENTENCES[read]);
    return { version: 'v2', right: false, checks: [check], stringToSign: undefined };
  }
  const matches =
    read.algorithm === 'hmac-sha256'
      ? keys.signingKeys.some((signingKey) => v2MatchesHmac(read, signingKey))
      : keys.publicKeys.some((x) => v2MatchesEd25519(read, ed25519PublicKey(x)));
  const noKey = read.algorithm === 'ed25519' ? keys.publicKeys.length === 0 : keys.signingKeys.length === 0;
  const right = Buffer.from(read.base, 'latin1');
  const mistake = matches
    ? undefined
    : mistakeBehind(read.signature, keys, { right, mistakes: v2Mistakes(read, request) });
  const mismatch = noKey
    ? PROBLEM_SENTENCES.algorithm_without_key
    : (mistake ?? `${PROBLEM_SENTENCES.signature_mismatch} Compare the string to sign with yours.`);
  const timeProblem = v2TimeProblem(read, nowMs);
  const bodyProblem = v2BodyProblem(request);
  return {
    version: 'v2',
    right: matches && !timeProblem && !bodyProblem,
    checks: [
      fine('form', 'The fields can be read, and every part that must be signed is covered.'),
      timeProblem === 'expired'
        ? wrong('time', PROBLEM_SENTENCES.expired)
        : timeCheck(read.createdSeconds - Math.floor(nowMs / 1000), V2_WINDOW_SECONDS, !timeProblem),
      bodyProblem
        ? wrong('body', PROBLEM_SENTENCES[bodyProblem])
        : fine('body', 'Content-Digest is the digest of the body that arrived.'),
      matches ? fine('match', 'The signature is that of this string to sign.') : wrong('match', mismatch),
    ],
    stringToSign: shown(right),
  };
}

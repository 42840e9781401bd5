const ORDER = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');

/** The same ES256 token with the other value of `s`: as good a signature to any verifier that takes both. */
export function signatureTwin(token: string): string {
  const dot = token.lastIndexOf('.');
  const signature = Buffer.from(token.slice(dot + 1), 'base64url');
  const s = ORDER - BigInt(`0x${signature.toString('hex', 32)}`);
  Buffer.from(s.toString(16).padStart(64, '0'), 'hex').copy(signature, 32);
  return `${token.slice(0, dot)}.${signature.toString('base64url')}`;
}

/** Of an ES256 token and its twin the one with the lower `s`, which is the only spelling that we take. */
export function withLowerS(token: string): string {
  const s = BigInt(
    `0x${Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url').toString('hex', 32)}`,
  );
  return s > ORDER / 2n ? signatureTwin(token) : token;
}

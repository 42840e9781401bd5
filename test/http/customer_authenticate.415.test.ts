import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORD, startService, type TestService } from '../support/service.ts';

let t: TestService;
beforeAll(async () => {
  t = await startService();
});
afterAll(() => t.dispose());

const json = JSON.stringify({ username: 'mira', password: PASSWORD, channel: 'ios' });
const post = () => t.api.post('/customer_authenticate').serialize((body: unknown) => body as string);

describe('a body of another type is refused, however right it is', () => {
  it.each([
    'text/plain',
    'text/json',
    'application/x-json',
    'application/json5',
    'multipart/form-data; boundary=x',
    'application/json, application/json',
    'application/json; charset=iso-8859-1',
    'application/json; charset=utf-16',
    'application/x-www-form-urlencoded; charset=windows-1252',
    'application/',
  ])('%s', async (type) => {
    const { body } = await post().set('content-type', type).send(json).expect(415);
    expect(body.error.code).toBe('UNSUPPORTED_MEDIA_TYPE');
  });

  it('without a type', async () => {
    const response = await fetch(`${t.url}/customer_authenticate`, {
      method: 'POST',
      body: Buffer.from(json),
    });
    expect(response.status).toBe(415);
  });

  it('compressed, also when it would be a small one', async () => {
    for (const encoding of ['gzip', 'br', 'deflate', 'identity, gzip']) {
      await post()
        .set('content-type', 'application/json')
        .set('content-encoding', encoding)
        .send(gzipSync(json))
        .expect(415);
    }
    await post()
      .set('content-type', 'application/json')
      .set('content-encoding', 'identity')
      .send(json)
      .expect(200);
  });

  it('compressed, of a size that would unpack to ten megabytes', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000, 0x20));
    await post()
      .set('content-type', 'application/json')
      .set('content-encoding', 'gzip')
      .send(bomb)
      .expect(415);
  });
});

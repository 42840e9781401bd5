import { expect, it } from 'vitest';
import { StartRefused } from '../../../src/errors.ts';
import { openClientTls } from '../../../src/outbound/client-tls.ts';
import { createTestCertificate } from '../../support/certificate.ts';

const good = createTestCertificate('bridge.example');
const other = createTestCertificate('ca.example');
const weak = createTestCertificate('bridge.example', 2, 'prime192v1');
const broken = '-----BEGIN CERTIFICATE-----\nMIIBbroken\n-----END CERTIFICATE-----\n';
const SETTING = 'connections.crm.tls';

it('a certificate with others behind it and several authorities are taken, comments between them, too', () => {
  const certificate = `# ours\n${good.cert}# theirs\n${other.cert}`;
  const opened = openClientTls({ certificate, private_key: good.key, ca: certificate }, SETTING);
  expect(opened.tls.context).toBeDefined();
  expect(opened.certificateEndsAtMs).toBeGreaterThan(0);
});

it.each([
  [
    'a key too weak for TLS',
    { certificate: weak.cert, private_key: weak.key },
    'connections.crm.tls.certificate is not one that TLS takes (ERR_SSL_EE_KEY_TOO_SMALL)',
  ],
  [
    'a broken certificate behind the first',
    { certificate: good.cert + broken, private_key: good.key },
    'connections.crm.tls holds a certificate or private key that cannot be read',
  ],
  [
    'a broken authority behind the first',
    { ca: good.cert + broken },
    'connections.crm.tls.ca cannot be read as a certificate',
  ],
])('%s refuses the start, not the first call', (_what, options, message) => {
  expect(() => openClientTls(options, SETTING)).toThrow(new StartRefused(message));
});

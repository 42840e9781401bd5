import { describe, expect, it } from 'vitest';
import { StartRefused } from '../../../src/errors.ts';
import { guardBaseUrl, isInsideAddress, mayCallAddress } from '../../../src/outbound/address-guard.ts';

describe('an address that is never called', () => {
  it.each([
    '169.254.169.254',
    '169.254.0.1',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '0.0.0.0',
    '0.1.2.3',
    '224.0.0.1',
    '239.255.255.250',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    'fe80::1',
    'fe80::1%eth0',
    'febf::1',
    'ff02::1',
    'fd00:ec2::254',
    'FD00:EC2::254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '0:0:0:0:0:ffff:a9fe:a9fe',
    '::ffff:0.0.0.0',
    '::169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    '192.0.0.8',
    '192.0.0.170',
    '192.0.2.1',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '64:ff9b:1::a9fe:a9fe',
    '64:ff9b:1:ffff::1',
    '::ffff:0:169.254.169.254',
    '::ffff:0:a9fe:a9fe',
    '2001:0:a9fe:a9fe::5601:5601',
    '2001::1',
    'fe80::5efe:a9fe:a9fe',
    '2a00:1450::5efe:a9fe:a9fe',
    '2a00:1450::200:5efe:169.254.169.254',
    'fec0::1',
    'feff::1',
    '100::1',
    '100:0:0:1::1',
    '5f00::1',
    '64:ff9b::198.18.0.1',
    '2002:c000:8::1',
    'not an address',
    '',
    '1.2.3',
  ])('%s', (address) => {
    expect(mayCallAddress(address)).toBe(false);
  });

  it.each([
    '10.0.0.1',
    '172.16.3.4',
    '192.168.1.1',
    '127.0.0.1',
    '::1',
    '93.184.216.34',
    'fd12::1',
    '2a00:1450:4001::1',
    '2606:4700::1111',
    '192.0.1.1',
    '198.17.255.255',
    '198.20.0.1',
    '64:ff9b::a00:1',
    '2a00:1450::5efe:a00:1',
    '2001:db8::1',
  ])('%s is not among them', (address) => {
    expect(mayCallAddress(address)).toBe(true);
  });

  it('is any but a loopback address where only loopback is allowed', () => {
    expect(mayCallAddress('127.0.0.1', true)).toBe(true);
    expect(mayCallAddress('127.8.9.10', true)).toBe(true);
    expect(mayCallAddress('::1', true)).toBe(true);
    expect(mayCallAddress('10.0.0.1', true)).toBe(false);
    expect(mayCallAddress('93.184.216.34', true)).toBe(false);
  });
});

describe('an address of a network of our own', () => {
  it.each([
    '10.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:0:10.0.0.1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
    '2a00:1450::5efe:a00:1',
    '::10.0.0.1',
    'fd12::1',
    '::1',
    '127.0.0.1',
  ])('%s', (address) => {
    expect(isInsideAddress(address)).toBe(true);
  });

  it.each(['93.184.216.34', '2a00:1450::1', '64:ff9b::5db8:d822'])('is not %s', (address) => {
    expect(isInsideAddress(address)).toBe(false);
  });
});

describe('the base URL of a destination', () => {
  it.each([
    ['http://crm.example', 'https'],
    ['http://10.0.0.5:8080', 'https'],
    ['http://localhost.example', 'https'],
    ['https://user@crm.example', 'user name'],
    ['https://user:pass@crm.example', 'user name'],
    ['https://crm.example/?a=1', 'query'],
    ['https://crm.example/?', 'query'],
    ['https://crm.example/#x', 'fragment'],
    ['ftp://crm.example', 'https'],
    ['crm.example', 'https'],
    ['', 'https'],
    ['https://169.254.169.254/latest', 'metadata'],
    ['https://0xa9.254.169.254', 'metadata'],
    ['https://2852039166', 'metadata'],
    ['https://[::ffff:169.254.169.254]', 'metadata'],
    ['https://[fd00:ec2::254]', 'metadata'],
    ['https://0.0.0.0', 'unspecified'],
    ['http://[fe80::1]:80', 'link-local'],
  ])('%s refuses the start, names the setting and the mend', (url, why) => {
    const attempt = () => guardBaseUrl(url, 'connections.crm.base_url');
    expect(attempt).toThrow(StartRefused);
    expect(attempt).toThrow('connections.crm.base_url');
    expect(attempt).toThrow(why);
  });

  it('never appears in the refusal, as it may hold a password', () => {
    expect(() => guardBaseUrl('https://user:hunter22@crm.example', 'x')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter22') }),
    );
  });

  it('may be plain http for loopback, and for others only where the setting says so', () => {
    expect(guardBaseUrl('http://127.0.0.1:8080/v1/', 's')).toEqual({
      origin: 'http://127.0.0.1:8080',
      basePath: '/v1',
      loopbackOnly: true,
    });
    expect(guardBaseUrl('http://localhost', 's').loopbackOnly).toBe(true);
    expect(guardBaseUrl('http://[::1]:1', 's').loopbackOnly).toBe(true);
    expect(guardBaseUrl('http://crm.internal', 's', true).loopbackOnly).toBe(false);
    expect(() => guardBaseUrl('http://169.254.169.254', 's', true)).toThrow('metadata');
    expect(guardBaseUrl('https://crm.example', 's')).toEqual({
      origin: 'https://crm.example',
      basePath: '',
      loopbackOnly: false,
    });
  });
});

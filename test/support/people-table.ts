/** A table of people as a company may have it, in SQL that PostgreSQL and SQLite both take. */
export const SQL_PASSWORD = 'correct horse battery staple';

/** Hashes of `SQL_PASSWORD`, made with hashlib and crypt of Python. */
export const HASH = {
  bcrypt: '$2b$05$abcdefghijklmnopqrstuuFiPhXf1sVd3pCCRO.uVh34H/qI/ZsuS',
  argon2id:
    '$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$gy5SuVm5Z7Vw7keB9se9p87QGcomaseB/S2U1OhTsM0',
  django: 'pbkdf2_sha256$1000$saltOfDjango1$SZVgdVc3852HaKhjSyZyq3T7ALw8VBBiQci8bRJTD20=',
  werkzeug:
    'scrypt:1024:8:1$saltOfDjango1$336e48dcc7baa2badb55d84ceb5ff88f9ff20ae4e4f7ab836ee1073d47885e9b973f5e657390e4292c191924dd15068ec5d66d492814d76a5c571b6d84943ca6',
} as const;

const person = (name: string, id: string, hash: string, [locked, disabled, mustChange] = [0, 0, 0]) =>
  `insert into people values ('${name}', '${id}', '${hash}', ${locked}, ${disabled}, ${mustChange});`;

export const SQL_PEOPLE = [
  'create table people (name text not null, id text not null, hash text not null, locked int, disabled int, must_change int);',
  person('mira', '4711', HASH.bcrypt),
  person('argon', '4712', HASH.argon2id),
  person('django', '4713', HASH.django),
  person('flask', '4714', HASH.werkzeug),
  person('slow', '4720', HASH.argon2id),
  person('locked', '4715', HASH.bcrypt, [1, 0, 0]),
  person('disabled', '4716', HASH.bcrypt, [0, 1, 0]),
  person('stale', '4717', HASH.bcrypt, [0, 0, 1]),
  person('md5', '4718', '5f4dcc3b5aa765d61d8327deb882cf99'),
  person('nameless', '', HASH.bcrypt),
].join('\n');

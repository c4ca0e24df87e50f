// A certified OpenID provider (npm: oidc-provider) on loopback, for test_sign_in.py. Whoever names themselves at its
// own sign-in form is believed; the e-mail address of "unverified" is not.
import fs from 'node:fs';
import https from 'node:https';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { packages, port, certificate, key, redirect, secret } = JSON.parse(process.argv[2]);
const entry = createRequire(`${packages}/`).resolve('oidc-provider');
const { default: Provider } = await import(pathToFileURL(entry).href);

const provider = new Provider(`https://localhost:${port}`, {
  clients: [{ client_id: 'imnm', client_secret: secret, redirect_uris: [redirect] }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  pkce: { required: () => true },
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@hospital.example`, email_verified: id !== 'unverified' }),
  }),
});
https
  .createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) }, provider.callback())
  .listen(port, 'localhost', () => console.log('listening'));

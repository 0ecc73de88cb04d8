// A real OpenID provider (npm oidc-provider, certified by the OpenID Foundation) with invented people in memory.
// It is told what to be by one argument, JSON: { port, accounts, clients, methods }. It makes new keys at each start.

import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const { port, accounts, clients, methods } = JSON.parse(process.argv[2]);

const key = (type, options) => {
  const jwk = generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' });
  return { ...jwk, use: 'sig' }; // its kid is made of its thumbprint
};

const claims = ['name', 'preferred_username', 'roles', 'groups', 'hasgroups', '_claim_names'];

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients,
  jwks: { keys: [key('rsa', { modulusLength: 2048 }), key('ec', { namedCurve: 'P-256' })] },
  claims: { openid: ['sub'], profile: claims, email: ['email'] },
  conformIdTokenClaims: false, // as Entra does: what a scope allows stands in the ID token
  clientAuthMethods: methods,
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256'] },
  cookies: { keys: ['of this test'] },
  features: { devInteractions: { enabled: true } },
  findAccount: (ctx, sub) => (sub in accounts ? { accountId: sub, claims: () => ({ sub, ...accounts[sub] }) } : undefined),
});

provider.listen(port, '127.0.0.1', () => console.log('listening'));

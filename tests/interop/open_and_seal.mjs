// Opens what cme-gateway sealed, and seals what it must open, with software that shares no line with it:
// HPKE by @hpke/core and @hpke/hybridkem-x-wing, JWS by jose.
//
//   node open_and_seal.mjs vectors.json      prints one JSON object: what was opened, checked and sealed

import { readFileSync } from "node:fs";
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { XWing } from "@hpke/hybridkem-x-wing";
import { CompactSign, calculateJwkThumbprint, compactVerify, importJWK, jwtVerify } from "jose";

const vectors = JSON.parse(readFileSync(process.argv[2], "utf8"));
const text = new TextEncoder();
const encode = (bytes) => Buffer.from(bytes).toString("base64url");
const decode = (string) => new Uint8Array(Buffer.from(string, "base64url"));
const buffer = (bytes) => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);

const KEMS = { MLKEM768_X25519: () => new XWing(), X25519: () => new DhkemX25519HkdfSha256() };
const suiteOf = (kem) => new CipherSuite({ kem: KEMS[kem](), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const infoOf = (head) => buffer(text.encode(`cme-exchange/1\0${head}`));
const okp = (x, d) => ({ kty: "OKP", crv: "Ed25519", x, ...(d && { d }) });

// Cards first: each must verify with the identity key that it holds.
const cards = {};
const seeds = {};
for (const row of vectors.authorities) {
  const claims = JSON.parse(Buffer.from(row.card.split(".")[1], "base64url"));
  const identity = await importJWK(claims.identity, "EdDSA");
  await jwtVerify(row.card, identity, { algorithms: ["EdDSA"], typ: "cme-card+jwt", currentDate: new Date(vectors.tokens.now) });
  cards[row.authority] = claims;
  seeds[row.authority] = row;
}

const keyOf = (authority, use) => cards[authority].keys.find((key) => key.use === use);
const verifier = (authority, kid) => {
  const key = cards[authority].keys.find((each) => each.kid === kid && each.use === "sig");
  return importJWK(okp(key.public), "EdDSA");
};

async function open(message) {
  const [head, body] = message.sealed.split(".");
  const header = JSON.parse(Buffer.from(head, "base64url"));
  const key = keyOf(header.aud, "enc");
  const suite = suiteOf(key.alg);
  const seed = decode(Buffer.from(seeds[header.aud].sealing_seed_hex, "hex").toString("base64url"));
  const recipientKey = await suite.kem.importKey("raw", buffer(seed), false);
  const sealed = decode(body);
  const enc = sealed.slice(0, suite.kem.encSize);
  const ct = sealed.slice(suite.kem.encSize);
  const jws = Buffer.from(await suite.open({ recipientKey, enc: buffer(enc), info: infoOf(head) }, buffer(ct))).toString("ascii");
  const { payload, protectedHeader } = await compactVerify(
    jws,
    (protectedHeader) => verifier(header.iss, protectedHeader.kid),
    { algorithms: ["EdDSA"] },
  );
  return { name: message.name, payload: Buffer.from(payload).toString("utf8"), signed_by: protectedHeader.kid, header, typ: protectedHeader.typ };
}

async function seal(recipient) {
  const key = keyOf(recipient, "enc");
  const suite = suiteOf(key.alg);
  const signing = keyOf("333", "sig");
  const d = encode(Buffer.from(seeds["333"].signing_seed_hex, "hex"));
  const jws = await new CompactSign(text.encode(vectors.payload))
    .setProtectedHeader({ alg: "EdDSA", kid: signing.kid, typ: "cme-message+jws", cty: "application/xml" })
    .sign(await importJWK(okp(signing.public, d), "EdDSA"));
  const head = encode(text.encode(JSON.stringify({
    v: 1, suite: `${key.alg}.HKDF_SHA256.AES_256_GCM`, kid: key.kid, iss: "333", aud: recipient,
    jti: vectors.tokens.message_id, iat: Date.parse(vectors.tokens.now) / 1000,
  })));
  const recipientPublicKey = await suite.kem.importKey("raw", buffer(decode(key.public)), true);
  const { enc, ct } = await suite.seal({ recipientPublicKey, info: infoOf(head) }, buffer(text.encode(jws)));
  return { recipient, sealed: `${head}.${encode(Buffer.concat([Buffer.from(enc), Buffer.from(ct)]))}` };
}

const receipts = [];
for (const token of vectors.tokens.receipts) {
  const { payload } = await jwtVerify(token, (header) => verifier("885", header.kid), {
    algorithms: ["EdDSA"], typ: "cme-receipt+jwt", issuer: "885", audience: "333", currentDate: new Date(vectors.tokens.now),
  });
  receipts.push(payload.result);
}
const thumbprints = {};
for (const [authority, card] of Object.entries(cards)) {
  const print = Buffer.from(await calculateJwkThumbprint(okp(keyOf(authority, "sig").public)), "base64url").toString("hex");
  thumbprints[authority] = `${authority}-sig-${print.slice(0, 16)}`;
}

process.stdout.write(JSON.stringify({
  opened: await Promise.all(vectors.messages.map(open)),
  sealed: await Promise.all(["885", "334"].map(seal)),
  receipts,
  thumbprints,
}));

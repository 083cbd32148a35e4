// Runs the browser's sealing script under Node: reads one JSON task a line, answers one a line.
// Opening exists only here, written from the RFC's receiver side, so that both directions are seen.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { seal, ballotInfo, ballotPlaintext, tracker } = await import(pathToFileURL(process.argv[2]).href);
const { subtle } = globalThis.crypto;
const P256 = { name: "ECDH", namedCurve: "P-256" };
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (data) => Buffer.from(data).toString("hex");
const url = (data) => Buffer.from(data).toString("base64url");

async function keyPair(scalar, point) {
  const jwk = { kty: "EC", crv: "P-256", x: url(point.slice(1, 33)), y: url(point.slice(33)) };
  return {
    privateKey: await subtle.importKey("jwk", { ...jwk, d: url(scalar) }, P256, true, ["deriveBits"]),
    publicKey: await subtle.importKey("jwk", jwk, P256, true, []),
  };
}

async function hkdfExtract(salt, secret) {
  const key = await subtle.importKey(
    "raw", salt.length ? salt : new Uint8Array(32), { name: "HMAC", hash: "SHA-256" }, false, ["sign"],
  );
  return Buffer.from(await subtle.sign("HMAC", key, secret));
}

async function open(scalar, point, info, sealed) {
  const kem = Buffer.concat([Buffer.from("KEM"), Buffer.from([0, 16])]);
  const suite = Buffer.concat([Buffer.from("HPKE"), Buffer.from([0, 16, 0, 1, 0, 1])]);
  const version = Buffer.from("HPKE-v1");
  const extract = (id, salt, label, secret) =>
    hkdfExtract(salt, Buffer.concat([version, id, Buffer.from(label), secret]));
  const expand = async (id, prk, label, context, length) => {
    const parts = [Buffer.from([0, length]), version, id, Buffer.from(label), context, Buffer.from([1])];
    return (await hkdfExtract(prk, Buffer.concat(parts))).subarray(0, length);
  };
  const none = Buffer.alloc(0);
  const enc = sealed.slice(0, 65);
  const sender = await subtle.importKey("raw", enc, P256, true, []);
  const own = await keyPair(scalar, point);
  const dh = Buffer.from(
    await subtle.deriveBits({ name: "ECDH", public: sender }, own.privateKey, 256),
  );
  const prk = await extract(kem, none, "eae_prk", dh);
  const shared = await expand(kem, prk, "shared_secret", Buffer.concat([enc, point]), 32);
  const context = Buffer.concat([
    Buffer.from([0]),
    await extract(suite, none, "psk_id_hash", none),
    await extract(suite, none, "info_hash", info),
  ]);
  const secret = await extract(suite, shared, "secret", none);
  const raw = await expand(suite, secret, "key", context, 16);
  const iv = await expand(suite, secret, "base_nonce", context, 12);
  const key = await subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"]);
  return new Uint8Array(await subtle.decrypt({ name: "AES-GCM", iv }, key, sealed.slice(65)));
}

const tasks = {
  async vector({ pkRm, skEm, pkEm, info, pt, aad }) {
    const ephemeral = await keyPair(bytes(skEm), bytes(pkEm));
    return hex(await seal(bytes(pkRm), bytes(info), bytes(pt), { aad: bytes(aad), ephemeral }));
  },
  async seal({ publicKey, primary, contest, choices, size }) {
    const plaintext = ballotPlaintext(contest, choices, size);
    return hex(await seal(bytes(publicKey), ballotInfo(primary, contest), plaintext));
  },
  async plaintext({ contest, choices, size }) {
    return hex(ballotPlaintext(contest, choices, size));
  },
  async tracker({ sealed }) {
    return hex(Buffer.from(await tracker(bytes(sealed))));
  },
  async open({ privateKey, publicKey, primary, contest, sealed }) {
    const info = ballotInfo(primary, contest);
    return hex(await open(bytes(privateKey), bytes(publicKey), info, bytes(sealed)));
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { task, ...details } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ answer: await tasks[task](details) }));
  } catch (error) {
    console.log(JSON.stringify({ error: error.name }));
  }
}

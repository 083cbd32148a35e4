// Sealing a ballot in the voter's browser: HPKE (RFC 9180), base mode, one shot, with
// DHKEM(P-256, HKDF-SHA256), HKDF-SHA256 and AES-128-GCM, over WebCrypto alone.
// Only the trustees' key opens what leaves this file; the page's server never sees a choice.

const text = new TextEncoder();
const NOTHING = new Uint8Array(0);
const KEM = join(text.encode("KEM"), Uint8Array.of(0, 0x10));
const SUITE = join(text.encode("HPKE"), Uint8Array.of(0, 0x10, 0, 1, 0, 1));
const P256 = { name: "ECDH", namedCurve: "P-256" };

function join(...parts) {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

async function hmac(key, data) {
  // HMAC pads a short key with zeros, so an absent salt is 32 of them: WebCrypto takes no empty key.
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const bytes = key.length ? key : new Uint8Array(32);
  const imported = await crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, data));
}

function extract(suite, salt, label, secret) {
  return hmac(salt, join(text.encode("HPKE-v1"), suite, text.encode(label), secret));
}

async function expand(suite, secret, label, info, length) {
  // Never more than 32 bytes are asked for, so the first block of HKDF-Expand is all there is.
  const labelled = join(
    Uint8Array.of(0, length), text.encode("HPKE-v1"), suite, text.encode(label), info,
    Uint8Array.of(1),
  );
  return (await hmac(secret, labelled)).slice(0, length);
}

/**
 * Seals `plaintext` for the holder of `publicKey` (uncompressed point, 65 bytes) under `info`.
 * Gives enc (65 bytes) followed by the ciphertext with its tag (16 bytes more than the plaintext).
 * `aad` is empty for ballots; `ephemeral` (a key pair) is for test vectors alone.
 */
export async function seal(publicKey, info, plaintext, { aad = NOTHING, ephemeral } = {}) {
  const recipient = await crypto.subtle.importKey("raw", publicKey, P256, true, []);
  const pair = ephemeral ?? (await crypto.subtle.generateKey(P256, true, ["deriveBits"]));
  const agreed = await crypto.subtle.deriveBits(
    { name: "ECDH", public: recipient }, pair.privateKey, 256,
  );
  const enc = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const prk = await extract(KEM, NOTHING, "eae_prk", new Uint8Array(agreed));
  const shared = await expand(KEM, prk, "shared_secret", join(enc, publicKey), 32);
  const context = join(
    Uint8Array.of(0),
    await extract(SUITE, NOTHING, "psk_id_hash", NOTHING),
    await extract(SUITE, NOTHING, "info_hash", info),
  );
  const secret = await extract(SUITE, shared, "secret", NOTHING);
  const key = await crypto.subtle.importKey(
    "raw", await expand(SUITE, secret, "key", context, 16), "AES-GCM", false, ["encrypt"],
  );
  const iv = await expand(SUITE, secret, "base_nonce", context, 12);
  const sealed = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv, additionalData: aad }, key, plaintext,
  );
  return join(enc, new Uint8Array(sealed));
}

/** What a seal of this contest is bound to: a ballot moved to another contest does not open. */
export function ballotInfo(primary, contest) {
  return text.encode(`primaries/v1/${primary}/${contest}`);
}

/** The choices as bytes of one length for every ballot of the contest, so that length tells nothing. */
export function ballotPlaintext(contest, choices, size) {
  const written = text.encode(JSON.stringify({ choices: [...choices].sort(), contest }));
  if (written.length > size) throw new RangeError("the choices do not fit the ballot");
  return join(written, new Uint8Array(size - written.length).fill(0x20));
}

/** Whether this browser can seal here: WebCrypto exists on https and localhost only. */
export function canSeal() {
  return Boolean(globalThis.isSecureContext ?? true) && Boolean(globalThis.crypto?.subtle);
}

/** The receipt of a sealed ballot: 26 letters and digits (base32) of the start of its SHA-256. */
export async function tracker(sealed) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", sealed));
  let letters = "";
  for (let bit = 0; bit < 130; bit += 5) {
    let value = 0;
    for (let at = bit; at < bit + 5; at += 1) {
      value = value * 2 + (at < 128 ? (digest[at >> 3] >> (7 - (at & 7))) & 1 : 0);
    }
    letters += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[value];
  }
  return letters;
}

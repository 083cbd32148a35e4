// Asking the server: one call, and the same call again when the server or the connection failed.

import { keepPlace, waitFor } from "./line.js";

const API = "/api/v1";
let ahead = 0; // milliseconds by which the server's clock is ahead: a voter's own may be hours wrong

/** The server's time in milliseconds, as far as its last answer told it. */
export const now = () => Date.now() + ahead;

export const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

export async function call(method, path, body, headers = {}) {
  const options = {
    method,
    headers: { Accept: "application/json", "Accept-Language": document.documentElement.lang, ...headers },
    credentials: "same-origin",
    cache: "no-store",
    redirect: "error",
    signal: AbortSignal.timeout?.(30000),
  };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  const response = await fetch(API + path, options);
  const told = Date.parse(response.headers.get("Date"));
  // A Date counts whole seconds and may be one old: rather too early than too late.
  if (told) ahead = told + 2000 - Date.now();
  keepPlace(response);
  const data = await response.json().catch(() => ({}));
  const wait = Number(response.headers.get("Retry-After")) || 0;
  return { status: response.status, data, wait };
}

/**
 * Repeats `attempt` while the server is overloaded, later each time; gives null when nothing came.
 * `told` hears the seconds until the next attempt, null without a connection, and whether they are
 * a place in the line. `blind`: also when no answer came, which is right only for what may safely arrive twice.
 */
export async function persist(attempt, { tries = 5, blind = true, told }) {
  for (let round = 0; ; round += 1) {
    let reply = null;
    try {
      reply = await attempt();
    } catch {
      if (!blind) return null;
    }
    if (reply && !isOverloaded(reply, blind)) return reply;
    if (reply?.data.code === "waiting") {
      // A place in the line: as many times as the server says, at the times that it says.
      await waitFor(reply, (seconds) => told(Math.ceil(seconds), true));
      round = -1;
      continue;
    }
    if (round + 1 >= tries) return reply;
    const seconds = Math.min(30, (reply?.wait || 2 ** round) + Math.random());
    told(reply ? Math.ceil(seconds) : null);
    await pause(seconds);
  }
}

// A 503 says that nothing was done; a proxy's 502 and 504 leave open what happened behind it.
function isOverloaded({ status, data }, blind) {
  if (data.code === "codes_exhausted") return false;
  return status === 503 || (blind && (status === 502 || status === 504));
}

/** Ends the session, also while the page is being left: nobody waits for the answer. */
export function signOut() {
  return fetch(`${API}/sign-out`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: "{}",
    credentials: "same-origin",
    keepalive: true,
  }).catch(() => null);
}

// The place in the line of a rush: a ticket of the server's, kept in this tab and in no cookie.

const TICKET = "primaries.waiting-ticket";
const HEADER = "Waiting-Ticket";

/** The header that shows the place, for calls that begin a sign-in. */
export function place() {
  const ticket = sessionStorage.getItem(TICKET);
  return ticket ? { [HEADER]: ticket } : {};
}

/** Keeps the newest ticket: it also lets the same voter try again at once. */
export function keepPlace(response) {
  const ticket = response.headers.get(HEADER);
  if (ticket) sessionStorage.setItem(TICKET, ticket);
}

/** Forgets the place: whoever is inside needs it no more. */
export const leaveLine = () => sessionStorage.removeItem(TICKET);

/** Minutes or seconds until the turn, rounded so that what is said rarely changes. */
export function about(seconds) {
  if (seconds > 90) return { minutes: Math.round(seconds / 60) };
  return { seconds: Math.max(5, Math.ceil(seconds / 5) * 5) };
}

/** Calls `told` every second with the seconds until the turn, until it is time to ask again. */
export async function waitFor({ wait, data }, told) {
  const began = performance.now();
  for (let passed = 0; passed < wait; passed = (performance.now() - began) / 1000) {
    told(Math.max(0, data.wait_seconds - passed));
    await new Promise((resolve) => setTimeout(resolve, Math.min(1, wait - passed) * 1000));
  }
}

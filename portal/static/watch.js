// Nobody's session stays open on a device that was left: after a quiet while the page asks, then
// signs out. Times go by the clock and not by counted ticks, so a device that slept signs out at once.

const SIGNS_OF_LIFE = ["pointerdown", "pointermove", "keydown", "input", "wheel", "touchstart"];

/**
 * Watches the page. `quiet` and `warning` are seconds; `isOccupied` says whether there is something
 * to protect; `warn(left)` is told each second how many are left and null when the warning is over.
 * `over` is called at the end. Gives the act by which somebody says that they are still there.
 */
export function watch({ quiet, warning, isOccupied, warn, over }) {
  let last = Date.now();
  let warned = false;

  const stay = () => {
    last = Date.now();
    if (warned) warn(null);
    warned = false;
  };

  const tick = () => {
    if (!isOccupied()) return stay();
    const left = Math.ceil(quiet + warning - (Date.now() - last) / 1000);
    if (left > warning) return;
    if (left > 0) {
      warned = true;
      return warn(left);
    }
    stay();
    over();
  };

  // Once the question stands there, only an answer to it counts: a mouse that was brushed is none.
  for (const sign of SIGNS_OF_LIFE) {
    addEventListener(sign, () => { if (!warned) last = Date.now(); }, { passive: true });
  }
  document.addEventListener("visibilitychange", tick);
  setInterval(tick, 1000);
  return stay;
}

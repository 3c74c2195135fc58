// The wall: a clock, letters as large as fit, and a screen that stays awake.
"use strict";

// Halves the step six times: names of any length fit, and short ones are as large as can be.
function fit() {
  const style = document.documentElement.style;
  const fits = () =>
    document.documentElement.scrollHeight <= innerHeight &&
    [...document.querySelectorAll("h1, h2, h3, .tiles li")].every((e) => e.scrollWidth <= e.clientWidth + 1);
  let scale = 1;
  style.setProperty("--scale", scale);
  for (let step = 0.5; step > 0.01 && (scale < 1 || !fits()); step /= 2) {
    scale += fits() ? step : -step;
    style.setProperty("--scale", scale);
  }
  while (!fits() && scale > 0.05) style.setProperty("--scale", (scale -= 0.02));
}

function tellClock() {
  const told = today.format(now + since(heard));
  if (at("clock").textContent !== told) at("clock").textContent = told;
}

// Only where the address is https or localhost; elsewhere browsers know no wake lock.
const stayAwake = () => {
  if (document.visibilityState === "visible") navigator.wakeLock?.request("screen").catch(() => {});
};

placed = fit;
addEventListener("resize", fit);
document.addEventListener("visibilitychange", stayAwake);
setInterval(tellClock, 1000);
tellClock();
fit();
stayAwake();

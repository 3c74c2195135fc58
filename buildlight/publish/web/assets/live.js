// Puts in place what has changed: told by the server, or asked for where it cannot tell.
"use strict";

const EVERY = 3_000; // Milliseconds between two questions, if it comes to asking.
const SILENCE = 3_000; // Milliseconds after which to ask whether a proxy keeps the news back.
const PATIENCE = 5_000; // Milliseconds of silence after which nothing here is to be trusted.

const at = (id) => document.getElementById(id);
let version = document.body.dataset.version;
let head = { title: document.title, icon: at("icon").getAttribute("href") };
let heard = Date.now();
let ages = JSON.parse(document.body.dataset.ages ?? "[]");
let now = document.body.dataset.now * 1000; // The server's clock when it was heard: this one may be wrong.
let behind = false; // Whether there is news that is not here yet.
let placed = () => {}; // What a page does after something was put in place.
let asked = Date.now();
let following = false; // Whether the server can tell news.

// A clock that was set back makes nothing newer. performance.now() may sleep as a laptop does.
const since = (moment) => Math.abs(Date.now() - moment);

function put(id, html) {
  const place = at(id);
  if (!place) return;
  // Whoever got here with the keyboard stays at the same link.
  const held = place.contains(document.activeElement) && document.activeElement.getAttribute("href");
  const opened = [...place.querySelectorAll(".why[open]")].map((why) => why.dataset.lamp);
  place.innerHTML = html;
  for (const why of place.querySelectorAll(".why")) why.open = opened.includes(why.dataset.lamp);
  if (held) [...place.querySelectorAll("a")].find((a) => a.getAttribute("href") === held)?.focus();
}

function show(news) {
  for (const [id, html] of Object.entries(news.parts ?? {})) put(id, html);
  if (news.version) version = news.version;
  if (news.title) {
    if (head.title !== news.title) at("said").textContent = news.said;
    head = { title: news.title, icon: "/icon.svg?" + news.icon };
  }
  behind = false;
  if (at("wall")) document.body.className = news.icon;
  alive(news); // Not before: it fills the ages in.
  placed();
}

function alive(news) {
  if (behind) return ask(); // What stands here is older than this sign of life.
  heard = Date.now();
  ages = news.ages;
  now = news.now * 1000;
  document.body.classList.remove("old");
  at("lost").hidden = true;
  putHead(head);
  tick();
}

// All that is seen of a tab in the background; an icon that is the same is not fetched again.
function putHead({ title, icon }) {
  document.title = title;
  if (at("icon").getAttribute("href") !== icon) at("icon").href = icon;
}

function span(seconds) {
  for (const [size, unit] of [[86_400, "days"], [3_600, "hours"], [60, "minutes"]]) {
    if (seconds >= 2 * size) return `${Math.round(seconds / size)} ${unit}`;
  }
  return `${Math.round(seconds)} seconds`;
}

const ago = (seconds) => seconds < 2 ? "just now" : `${span(seconds)} ago`;

// In the zone of this browser. The page is English, so its times are, too.
const written = (style) => new Intl.DateTimeFormat("en-GB", style);
const CLOCK = { hour: "2-digit", minute: "2-digit" };
const today = written(CLOCK);
const dated = written({ weekday: "short", day: "numeric", month: "short", ...CLOCK });
const whole = written({ dateStyle: "full", timeStyle: "long" });

function tellTime(place) {
  const then = Date.parse(place.dateTime);
  const past = (now + since(heard) - then) / 1000;
  const told = (Math.abs(past) < 72_000 ? today : dated).format(then);
  const text = `${told} (${past < 0 ? `in ${span(-past)}` : ago(past)})`;
  if (place.textContent === text) return;
  place.textContent = text;
  place.title = whole.format(then);
}

function tick() {
  for (const place of document.querySelectorAll(".age")) {
    const told = place.dataset.feed.split(" ").map((feed) => ages[feed]);
    if (told.some((age) => age === undefined)) continue;
    place.textContent = told.includes(null) ? "" : ago(Math.max(...told) + since(heard) / 1000);
  }
  document.querySelectorAll("time").forEach(tellTime);
  const wait = following ? SILENCE : EVERY;
  if (since(heard) > wait && since(asked) > EVERY) ask();
  if (since(heard) > PATIENCE && at("lost").hidden) {
    document.body.classList.add("old");
    const last = today.format(heard);
    at("lost").textContent = `No connection since ${last}: what stands here is old.`;
    at("lost").hidden = false;
    // Whoever is gone draws no icon: this one came with the page.
    putHead({ title: "? Connection lost", icon: at("icon").dataset.lost });
  }
}

async function ask() {
  asked = Date.now();
  try {
    const answer = await fetch(document.body.dataset.parts, { signal: AbortSignal.timeout(4000) });
    if (answer.ok) show(await answer.json());
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof DOMException)) throw error; // Nobody answers.
  }
}

function follow() {
  if (!window.EventSource) return;
  following = true;
  const events = new EventSource(`/events?since=${version}`);
  events.addEventListener("news", (event) => {
    if (!at("wall")) return show(JSON.parse(event.data));
    behind = true;
    ask();
  });
  events.addEventListener("alive", (event) => alive(JSON.parse(event.data)));
  events.onerror = () => {
    // A connection that broke off is made again by the browser; one that was refused is not.
    following = events.readyState !== EventSource.CLOSED;
    ask();
  };
}

setInterval(tick, 1000);
tick();
follow();

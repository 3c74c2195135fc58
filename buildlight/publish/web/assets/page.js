// Puts in place what has changed: told by the server, or asked for where it cannot tell.
"use strict";

const EVERY = 10_000; // Milliseconds between two questions, if it comes to asking.
const SILENCE = 15_000; // Milliseconds after which to ask whether a proxy keeps the news back.
const PATIENCE = 25_000; // Milliseconds of silence after which nothing here is to be trusted.

const at = (id) => document.getElementById(id);
let version = document.body.dataset.version;
let head = { title: document.title, icon: at("icon").getAttribute("href") };
let heard = Date.now();
let ages = [];
let now = document.body.dataset.now * 1000; // The server's clock when it was heard: this one may be wrong.
let rest = version; // The version of the list behind the fold.
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
  arrange();
  if (held) [...place.querySelectorAll("a")].find((a) => a.getAttribute("href") === held)?.focus();
}

const began = (row) => Date.parse(row.querySelector("time")?.dateTime) || 0;
const ORDERS = {
  oldest: (a, b) => a.dataset.place - b.dataset.place,
  newest: (a, b) => began(b) - began(a) || a.dataset.place - b.dataset.place,
  name: (a, b) => a.textContent.localeCompare(b.textContent, undefined, { numeric: true }),
};

// Finds and sorts what is there; the server's order is the oldest first.
function arrange() {
  const wanted = at("find").value.trim().toLowerCase();
  let found = 0;
  for (const list of document.querySelectorAll("#broken ul, #building ul, #rest ul")) {
    const rows = [...list.children];
    rows.forEach((row, place) => { row.dataset.place ??= place; });
    const sorted = rows.toSorted(ORDERS[at("sort").value]);
    if (sorted.some((row, place) => row !== rows[place])) list.append(...sorted);
    for (const row of rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
      found += !row.hidden;
    }
  }
  at("nothing").textContent = !wanted ? "" : found ? `${found} found` : "No project has this in its name.";
  at("tools").hidden = !wanted && !document.querySelector("#others .many");
}

function find() {
  if (at("find").value) at("fold").open = true; // Which fetches what is behind it.
  arrange();
}

function show(news) {
  for (const [id, html] of Object.entries(news.parts ?? {})) put(id, html);
  if (news.version) version = news.version;
  if (news.title) {
    if (head.title !== news.title) at("said").textContent = news.said;
    head = { title: news.title, icon: "/icon.svg?" + news.icon };
  }
  alive(news); // Not before: it fills the ages in.
  openFold();
}

function alive(news) {
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
    const age = ages[place.dataset.feed];
    if (age !== undefined) {
      place.textContent = age === null ? "" : ago(age + since(heard) / 1000);
    }
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

async function openFold() {
  if (!at("fold").open || rest === version) return;
  const wanted = version;
  const answer = await fetch("/rest").catch(() => null);
  if (answer?.ok) {
    put("rest", await answer.text());
    rest = wanted; // What changed meanwhile is fetched with the next news.
  }
}

async function ask() {
  asked = Date.now();
  const answer = await fetch("/parts").catch(() => null);
  if (answer?.ok) show(await answer.json());
}

function follow() {
  if (!window.EventSource) return;
  following = true;
  const events = new EventSource(`/events?since=${version}`);
  events.addEventListener("news", (event) => show(JSON.parse(event.data)));
  events.addEventListener("alive", (event) => alive(JSON.parse(event.data)));
  events.onerror = () => {
    // A connection that broke off is made again by the browser; one that was refused is not.
    following = events.readyState !== EventSource.CLOSED;
  };
}

at("find").addEventListener("input", find);
at("sort").addEventListener("change", arrange);
arrange();
at("fold").addEventListener("toggle", openFold);
setInterval(tick, 1000);
tick();
follow();

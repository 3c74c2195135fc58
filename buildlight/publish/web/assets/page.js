// The page: what was put in place is found, sorted and unfolded.
"use strict";

let rest = version; // The version of the list behind the fold.

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

async function openFold() {
  if (!at("fold").open || rest === version) return;
  const wanted = version;
  const answer = await fetch("/rest").catch(() => null);
  if (answer?.ok) {
    put("rest", await answer.text());
    arrange();
    rest = wanted; // What changed meanwhile is fetched with the next news.
  }
}

placed = () => {
  arrange();
  openFold();
};
at("find").addEventListener("input", find);
at("sort").addEventListener("change", arrange);
at("fold").addEventListener("toggle", openFold);
arrange();

// The page: a store kept current by the live connection, shown as a map, a list and a feed; and searches of it.
import { Feed } from "./feed.js";
import { countryName, fold, formatPrice, formatRound, setText } from "./format.js";
import { listen } from "./gestures.js";
import { List } from "./list.js";
import { Live } from "./live.js";
import { WorldMap } from "./map.js";
import { Question, Search } from "./search.js";
import { makeRecord, Store } from "./store.js";

const kType = "listing";
const kColors = 8; // --kind-0 … --kind-7 of the style sheet
const byId = (id) => document.getElementById(id);

const store = new Store();
const kinds = new Map(); // kind -> number of its colour
const question = new Question();
let palette = [];
let words = []; // of the question, folded: for when the server cannot search
let results = null; // of the search, or null: everything is shown
let searchable = true; // false when the server has no search of this type
let selected = null;
let load_complete = false;

const colorOf = (kind) => palette[Math.min(kinds.get(kind ?? "") ?? kColors - 1, kColors - 1)];

const map = new WorldMap(byId("map"), colorOf, (view) => { if (searchable) search.look(view); });
const list = new List(byId("list"), byId("rows"), byId("nothing"), (key) => select(key, { from: "list" }), colorOf,
  () => search.more());
const feed = new Feed(byId("feed"), byId("announce"), (key) => select(key, { from: "feed" }));

// ---- what is shown

function readPalette() {
  const style = getComputedStyle(document.documentElement);
  palette = Array.from({ length: kColors }, (_, i) => style.getPropertyValue(`--kind-${i}`).trim());
}

function matches(record) {
  if (question.kinds.size && !question.kinds.has(record.item.kind ?? "")) return false;
  return words.every((word) => record.haystack.includes(word));
}

const orders = {
  stored: null,
  name: (a, b) => String(a.item.name ?? "").localeCompare(String(b.item.name ?? "")),
  changed: (a, b) => b.changed_at - a.changed_at,
};

function compareKeys(a, b) {
  return a.key.length - b.key.length || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0); // numbers, as text, in their order
}

/** A result as the list and the map show it: the row as the live connection has it, and what the search says of it. */
function recordOf(hit) {
  const held = store.records.get(hit.key) ?? makeRecord(hit.key, hit.item, null);
  const { key, item, lon, lat, changed_at } = held;
  return { key, item, lon, lat, changed_at, hit: { ...hit, currency: question.currency } };
}

function foundRecords() {
  const records = results.hits.map(recordOf);
  const exact = store.records.get(question.words.trim()); // who types a key gets the item
  return exact && !records.some(({ key }) => key === exact.key) ? [exact, ...records] : records;
}

function render() {
  const order = orders[byId("sort").value];
  const records = results ? foundRecords() : [...store.records.values()].filter(matches).sort(compareKeys);
  if (order && !(results && question.order)) records.sort(order);
  list.show(records);
  map.show(records);
  const count = Math.max(records.length, results?.total ?? 0);
  const [all, part] = [store.records.size.toLocaleString(), count.toLocaleString()];
  byId("count").textContent = count === store.records.size ? `${all} items` : `${part} of ${all} items`;
  document.body.dataset.items = String(store.records.size);
  document.body.dataset.shown = String(records.length);
  document.body.dataset.points = String(map.pointCount);
  document.body.dataset.search = results ? "server" : "held";
}

function note(text) {
  byId("note").textContent = text;
  byId("note").hidden = !text;
}

// ---- searches

const search = new Search(kType, question, {
  onResults: (found) => {
    results = found;
    note(found?.relaxed ? "No item has all of these words. These have some of them." : "");
    scheduleRender();
  },
  onFacets: showFacets,
  onClusters: (clusters) => {
    map.showClusters(clusters, (key) => colorOf(store.records.get(key)?.item.kind));
    document.body.dataset.clusters = clusters ? String(clusters.length) : "";
  },
  onFailure: (status) => {
    if (status === 404 && question.empty) searchable = false; // the table is not defined to be searched
    results = null;
    map.showClusters(null);
    if (searchable) note("The server cannot search now: these are the items held here that have the words.");
    scheduleRender();
  },
});

/** Everything that changes the question ends here. */
function ask(by_reader = true) {
  words = fold(question.words).split(/\s+/).filter(Boolean);
  if (searchable) search.schedule(by_reader);
  if (!searchable || !results) scheduleRender();
}

function showFacets({ kind, price, currency }) {
  const counts = new Map(kind.filter(({ value }) => value !== null).map(({ value, count }) => [value, count]));
  for (const chosen of question.kinds) if (!counts.has(chosen)) counts.set(chosen, 0);
  showChips(counts);
  const own = question.currency || "EUR";
  const ranges = price.filter(({ low, high, count }) => count > 0 || question.price === `${low ?? ""},${high ?? ""}`);
  setOptions(byId("price"), [["", "Any price"], ...ranges.map(({ low, high, count }) => {
    const [from, to] = [low && formatRound(low, own), high && formatRound(high, own)];
    return [`${low ?? ""},${high ?? ""}`, `${from && to ? `${from} – ${to}` : from ? `from ${from}` : to ? `up to ${to}` : "no price"} (${count})`];
  })]);
  const known = new Set(["EUR", "USD", ...currency.map(({ value }) => value).filter((code) => /^[A-Z]{3}$/.test(code ?? ""))]);
  if (question.currency) known.add(question.currency);
  setOptions(byId("currency"), [["", "As stored"], ...[...known].sort().map((code) => [code, `in ${code}`])]);
  byId("price-label").hidden = byId("currency-label").hidden = false;
}

/** Keeps what is chosen, and does not touch a list that is the same: it may be open. */
function setOptions(element, options) {
  const text = JSON.stringify(options);
  if (element.dataset.options === text) return;
  element.dataset.options = text;
  const chosen = element.value;
  element.replaceChildren(...options.map(([value, label]) => new Option(label, value)));
  if (options.some(([value]) => value === chosen)) element.value = chosen;
}

let render_pending = 0;
function scheduleRender() {
  render_pending ||= requestAnimationFrame(() => {
    render_pending = 0;
    render();
  });
}

/** The most frequent kinds get the colours; a kind keeps its colour while the page is open. */
function nameKinds() {
  const counts = new Map();
  for (const { item } of store.records.values()) counts.set(item.kind ?? "", (counts.get(item.kind ?? "") ?? 0) + 1);
  for (const kind of byCount(counts)) if (!kinds.has(kind)) kinds.set(kind, kinds.size);
  if (!searchable || byId("price-label").hidden) showChips(counts); // else the facets say how many there are
}

function byCount(counts) {
  return [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || (a < b ? -1 : 1));
}

/** Chips stay where they are, and the one with the focus keeps it, while their numbers change. */
function showChips(counts) {
  const order = [...kinds.keys()].filter((kind) => counts.has(kind));
  const shown = [...order, ...byCount(counts).filter((kind) => !kinds.has(kind))].slice(0, 12);
  const focused = document.activeElement?.closest?.("#kinds button")?.dataset.kind;
  byId("kinds").replaceChildren(...(shown.length < 2 && !question.kinds.size ? [] : shown.map((kind) => makeChip(kind, counts.get(kind)))));
  if (focused !== undefined) [...byId("kinds").children].find((chip) => chip.dataset.kind === focused)?.focus();
}

function makeChip(kind, count) {
  const chip = document.createElement("button");
  chip.type = "button";
  chip.className = "chip";
  chip.dataset.kind = kind;
  chip.setAttribute("aria-pressed", String(question.kinds.has(kind)));
  const dot = document.createElement("span");
  dot.className = "kind-dot";
  dot.style.backgroundColor = colorOf(kind);
  const label = document.createElement("span");
  label.textContent = `${kind || "other"} ${count}`;
  chip.append(dot, label);
  chip.addEventListener("click", () => {
    const on = !question.kinds.delete(kind);
    if (on) question.kinds.add(kind);
    chip.setAttribute("aria-pressed", String(on));
    ask();
  });
  return chip;
}

// ---- one item

function select(key, { from } = {}) {
  selected = key;
  const record = key === null ? null : store.records.get(key) ?? null;
  list.select(record ? key : null, from !== "list");
  map.select(record);
  fillCard(record);
}

function fillCard(record) {
  byId("card").hidden = !record;
  if (!record) return;
  const { item, key } = record;
  setText(byId("card-name"), item.name || key, item.lang);
  byId("card-price").textContent = priceText(key, item);
  const place = Number.isFinite(record.lat) ? `${record.lat.toFixed(4)}, ${record.lon.toFixed(4)}` : "";
  byId("card-meta").textContent = [item.kind, countryName(item.country), item.lang, place].filter(Boolean).join(" · ");
  setText(byId("card-text"), item.description || "", item.lang);
  byId("card-sql").textContent = `UPDATE public.listing SET price = ${nextPrice(item)} WHERE id = ${key};`;
  byId("card-json").textContent = byId("card-json").href = `/v1/items/${kType}/${key}`;
}

/** As stored, and in the reader's currency where the search has converted it. */
function priceText(key, item) {
  const stored = formatPrice(item.price, item.currency);
  const hit = question.currency && results?.hits.find((one) => one.key === key);
  return hit && hit.price !== null && question.currency !== item.currency ? `${stored} ≈ ${formatPrice(hit.price, question.currency)}` : stored;
}

/** A price that differs from the one held, so that the statement shows something. */
function nextPrice({ price }) {
  const amount = Number(price);
  return price === null || price === undefined || !Number.isFinite(amount) ? "25" : String(Math.max(1, Math.round(amount * 1.1) + 1));
}

// ---- what arrives

const status_words = { connecting: "connecting", live: "live", reconnecting: "reconnecting…", resynced: "resynced" };
let calm = 0;

function showState(state, detail) {
  clearTimeout(calm);
  byId("status").dataset.state = state;
  byId("status-text").textContent = status_words[state];
  byId("status").title = detail ?? "";
  if (state === "resynced") calm = setTimeout(() => showState("live"), 4000);
}

const live = new Live(kType, store, {
  onState: showState,
  onProgress: () => { if (!load_complete) scheduleRender(); },
  onLoaded: () => {
    load_complete = true;
    nameKinds();
    render();
    list.refill();
    map.fit(false);
    ask();
    if (selected !== null) select(selected, { from: "list" });
    document.body.dataset.loaded = "true";
  },
  onChanges: (changes) => {
    feed.add(changes);
    for (const { key, before, after } of changes) {
      if (after) list.flash(key);
      if (after ?? before) map.pulse(after ?? before);
      if (key === selected || key === null) fillCard(after);
      if (after && !kinds.has(after.item.kind ?? "")) kinds.set(after.item.kind ?? "", kinds.size);
    }
    scheduleRender();
    if (load_complete) ask(false);
  },
});

// ---- the reader's hands

byId("controls").addEventListener("submit", (event) => event.preventDefault());
byId("filter").addEventListener("input", (event) => {
  question.words = event.target.value;
  byId("list").scrollTop = 0;
  ask();
});
byId("sort").addEventListener("change", (event) => {
  question.order = { "price.asc": "price.asc.nullslast", "price.desc": "price.desc.nullslast", name: "name.asc" }[event.target.value] ?? "";
  byId("list").scrollTop = 0;
  ask();
  scheduleRender();
});
for (const name of ["currency", "price"]) {
  byId(name).addEventListener("change", (event) => {
    question[name] = event.target.value;
    // The bounds of a range are of one currency.
    if (name === "currency") question.price = byId("price").value = "";
    byId("list").scrollTop = 0;
    ask();
  });
}
byId("zoom-in").addEventListener("click", () => map.zoomAt(1.6));
byId("zoom-out").addEventListener("click", () => map.zoomAt(1 / 1.6));
byId("zoom-fit").addEventListener("click", () => map.fit(true));
byId("card-close").addEventListener("click", () => select(null));
byId("card-copy").addEventListener("click", async () => {
  await navigator.clipboard?.writeText(byId("card-sql").textContent).catch(() => {});
  byId("announce").textContent = "Copied";
});
byId("feed-toggle").addEventListener("click", (event) => {
  const open = document.body.classList.toggle("feed-open");
  event.currentTarget.setAttribute("aria-expanded", String(open));
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && selected !== null) select(null);
  if (event.key === "/" && event.target.tagName !== "INPUT") {
    event.preventDefault();
    byId("filter").focus();
  }
});
listen(byId("map"), map, {
  onTap: (key) => select(key, { from: "map" }),
  onHover: (key, x, y) => {
    const tip = byId("tip");
    const record = key === null ? null : store.records.get(key);
    tip.hidden = !record;
    if (!record) return;
    setText(tip, `${record.item.name} · ${formatPrice(record.item.price, record.item.currency)}`, record.item.lang);
    const box = byId("map").getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(x + 12, box.width - tip.offsetWidth - 4))}px`;
    tip.style.top = `${y + 34 + tip.offsetHeight > box.height ? y - tip.offsetHeight - 8 : y + 16}px`;
  },
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readPalette();
  map.readColors();
  nameKinds();
  render();
  list.refill();
});

readPalette();
live.start();

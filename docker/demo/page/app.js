// The page: a store kept current by the live connection, shown as a map, a list and a feed.
import { Feed } from "./feed.js";
import { countryName, fold, formatPrice, setText } from "./format.js";
import { listen } from "./gestures.js";
import { List } from "./list.js";
import { Live } from "./live.js";
import { WorldMap } from "./map.js";
import { Store } from "./store.js";

const kType = "listing";
const kColors = 8; // --kind-0 … --kind-7 of the style sheet
const byId = (id) => document.getElementById(id);

const store = new Store();
const kinds = new Map(); // kind -> number of its colour
const chosen_kinds = new Set(); // empty: all
let palette = [];
let words = [];
let selected = null;
let load_complete = false;

const colorOf = (kind) => palette[Math.min(kinds.get(kind ?? "") ?? kColors - 1, kColors - 1)];

const map = new WorldMap(byId("map"), colorOf);
const list = new List(byId("list"), byId("rows"), byId("nothing"), (key) => select(key, { from: "list" }), colorOf);
const feed = new Feed(byId("feed"), byId("announce"), (key) => select(key, { from: "feed" }));

// ---- what is shown

function readPalette() {
  const style = getComputedStyle(document.documentElement);
  palette = Array.from({ length: kColors }, (_, i) => style.getPropertyValue(`--kind-${i}`).trim());
}

function matches(record) {
  if (chosen_kinds.size && !chosen_kinds.has(record.item.kind ?? "")) return false;
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

function render() {
  const records = [...store.records.values()].filter(matches).sort(compareKeys);
  const order = orders[byId("sort").value];
  if (order) records.sort(order);
  list.show(records);
  map.show(records);
  const [all, part] = [store.records.size.toLocaleString(), records.length.toLocaleString()];
  byId("count").textContent = records.length === store.records.size ? `${all} items` : `${part} of ${all} items`;
  document.body.dataset.items = String(store.records.size);
  document.body.dataset.shown = String(records.length);
  document.body.dataset.points = String(map.pointCount);
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
  const ordered = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || (a < b ? -1 : 1));
  for (const kind of ordered) if (!kinds.has(kind)) kinds.set(kind, kinds.size);
  byId("kinds").replaceChildren(...(ordered.length < 2 ? [] : ordered.slice(0, 12).map((kind) => makeChip(kind, counts.get(kind)))));
}

function makeChip(kind, count) {
  const chip = document.createElement("button");
  chip.type = "button";
  chip.className = "chip";
  chip.setAttribute("aria-pressed", String(chosen_kinds.has(kind)));
  const dot = document.createElement("span");
  dot.className = "kind-dot";
  dot.style.backgroundColor = colorOf(kind);
  const label = document.createElement("span");
  label.textContent = `${kind || "other"} ${count}`;
  chip.append(dot, label);
  chip.addEventListener("click", () => {
    const on = !chosen_kinds.delete(kind);
    if (on) chosen_kinds.add(kind);
    chip.setAttribute("aria-pressed", String(on));
    scheduleRender();
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
  byId("card-price").textContent = formatPrice(item.price, item.currency);
  const place = Number.isFinite(record.lat) ? `${record.lat.toFixed(4)}, ${record.lon.toFixed(4)}` : "";
  byId("card-meta").textContent = [item.kind, countryName(item.country), item.lang, place].filter(Boolean).join(" · ");
  setText(byId("card-text"), item.description || "", item.lang);
  byId("card-sql").textContent = `UPDATE public.listing SET price = ${nextPrice(item)} WHERE id = ${key};`;
  byId("card-json").textContent = byId("card-json").href = `/v1/items/${kType}/${key}`;
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
  },
});

// ---- the reader's hands

byId("controls").addEventListener("submit", (event) => event.preventDefault());
byId("filter").addEventListener("input", (event) => {
  words = fold(event.target.value).split(/\s+/).filter(Boolean);
  byId("list").scrollTop = 0;
  scheduleRender();
});
byId("sort").addEventListener("change", scheduleRender);
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

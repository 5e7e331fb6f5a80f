// The live feed: what changed, old → new, newest first; and a calmer voice for screen readers.
import { formatPrice, formatTime, setText } from "./format.js";

const kKept = 40; // entries
const kAnnounceEvery = 2000; // ms

export class Feed {
  constructor(list, announce, on_select) {
    this.list_ = list;
    this.announce_ = announce;
    this.waiting_ = []; // changes not yet announced
    list.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-key]");
      if (button) on_select(button.dataset.key);
    });
  }

  add(changes) {
    this.list_.querySelector(".empty")?.remove();
    // A burst is cut before elements are made for it.
    for (const change of changes.slice(-kKept)) this.list_.prepend(makeEntry(change));
    while (this.list_.children.length > kKept) this.list_.lastChild.remove();
    this.list_.scrollTop = 0;
    this.waiting_.push(...changes);
    this.timer_ ??= setTimeout(() => this.speak_(), kAnnounceEvery / 4);
  }

  speak_() {
    const count = this.waiting_.length;
    const last = this.waiting_[count - 1];
    const { verb, was, now } = describe(last);
    const text = [`${nameOf(last)} ${verb}`, was && `from ${was}`, now && `to ${now}`].filter(Boolean).join(" ");
    this.announce_.textContent = count > 1 ? `${count} changes; last: ${text}` : text;
    this.waiting_ = [];
    this.timer_ = setTimeout(() => {
      this.timer_ = null;
      if (this.waiting_.length) this.speak_();
    }, kAnnounceEvery);
  }
}

function nameOf(change) {
  const record = change.after ?? change.before;
  return record?.item.name || change.key || "All items";
}

/** In words: {verb, was, now, direction}; was and now are values of the one field that tells most. */
export function describe({ op, before, after }) {
  if (op === "truncate") return { verb: "removed (table truncated)" };
  if (op === "delete") return { verb: "deleted" };
  if (op === "insert") return { verb: "new", now: formatPrice(after.item.price, after.item.currency) };
  const [old_item, new_item] = [before.item, after.item];
  if (old_item.price !== new_item.price || old_item.currency !== new_item.currency) {
    const comparable = old_item.currency === new_item.currency;
    return {
      verb: "price",
      was: formatPrice(old_item.price, old_item.currency),
      now: formatPrice(new_item.price, new_item.currency),
      direction: comparable ? Math.sign(Number(new_item.price) - Number(old_item.price)) : 0,
    };
  }
  const names = Object.keys(new_item).filter((name) => JSON.stringify(old_item[name]) !== JSON.stringify(new_item[name]));
  if (!names.length) return { verb: "written again, unchanged" };
  if (names.length === 1 && typeof new_item[names[0]] === "string") {
    return { verb: names[0], was: shorten(old_item[names[0]]), now: shorten(new_item[names[0]]) };
  }
  return { verb: `${names.join(", ")} changed` };
}

function shorten(value) {
  const text = value === null || value === undefined ? "(none)" : String(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function makeEntry(change) {
  const { verb, was, now, direction } = describe(change);
  const entry = document.createElement("li");
  entry.className = change.op;
  const time = document.createElement("time");
  time.textContent = formatTime(new Date());
  const name = document.createElement("button");
  name.type = "button";
  name.disabled = !change.after;
  if (change.after) name.dataset.key = change.key;
  setText(name, nameOf(change), (change.after ?? change.before)?.item.lang);
  const what = document.createElement("span");
  what.className = "what";
  what.textContent = verb;
  entry.append(time, name, what);
  if (was) entry.append(part("del", was), part("span", "→", "arrow"));
  if (now) entry.append(part("ins", now, direction > 0 ? "up" : direction < 0 ? "down" : ""));
  return entry;
}

function part(tag, text, name) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.dir = "auto";
  element.textContent = text;
  return element;
}

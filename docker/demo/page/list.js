// The list: only the rows in sight exist in the document, so thousands stay smooth.
import { countryName, formatPrice, setText } from "./format.js";
import { setHeadline } from "./search.js";

const kOverscan = 6; // rows made above and below the visible ones

export class List {
  /** onSelect(key) is called when the reader picks a row. */
  constructor(list, rows, nothing, on_select, color_of, on_end = () => {}) {
    this.on_end_ = on_end; // the last row is in sight
    this.list_ = list;
    this.rows_ = rows;
    this.nothing_ = nothing;
    this.on_select_ = on_select;
    this.color_of_ = color_of;
    this.records_ = [];
    this.index_ = new Map();
    this.shown_ = new Map(); // key -> element
    this.selected_ = null;
    this.flashes_ = new Map(); // key -> time at which the flash began
    this.row_height_ = 0;
    list.addEventListener("scroll", () => this.schedule_(), { passive: true });
    list.addEventListener("keydown", (event) => this.onKey_(event));
    rows.addEventListener("click", (event) => {
      const row = event.target.closest("[data-key]");
      if (row) on_select(row.dataset.key);
    });
    new ResizeObserver(() => { this.row_height_ = 0; this.schedule_(); }).observe(list);
  }

  show(records) {
    this.records_ = records;
    this.index_ = new Map(records.map((record, index) => [record.key, index]));
    this.nothing_.hidden = records.length > 0;
    this.schedule_();
  }

  select(key, scroll) {
    this.selected_ = key;
    if (scroll && this.index_.has(key)) this.scrollTo_(this.index_.get(key));
    this.schedule_();
  }

  flash(key) {
    this.flashes_.set(key, performance.now());
    const row = this.shown_.get(key);
    if (row) { // restart the animation of a row that changes again
      row.classList.remove("changed");
      void row.offsetWidth;
      row.classList.add("changed");
    }
    setTimeout(() => {
      if (performance.now() - (this.flashes_.get(key) ?? 0) < 2300) return;
      this.flashes_.delete(key);
      this.shown_.get(key)?.classList.remove("changed");
    }, 2400);
  }

  scrollTo_(index) {
    const height = this.height_();
    const top = index * height;
    if (top < this.list_.scrollTop) this.list_.scrollTop = top;
    else if (top + height > this.list_.scrollTop + this.list_.clientHeight) {
      this.list_.scrollTop = top + height - this.list_.clientHeight;
    }
  }

  height_() {
    if (!this.row_height_) this.row_height_ = parseFloat(getComputedStyle(this.list_).getPropertyValue("--row-height")) || 80;
    return this.row_height_;
  }

  schedule_() {
    if (this.pending_) return;
    this.pending_ = requestAnimationFrame(() => {
      this.pending_ = 0;
      this.draw_();
    });
  }

  draw_() {
    const height = this.height_();
    const first = Math.max(0, Math.floor(this.list_.scrollTop / height) - kOverscan);
    const last = Math.min(this.records_.length, Math.ceil((this.list_.scrollTop + this.list_.clientHeight) / height) + kOverscan);
    if (last === this.records_.length && last > 0) this.on_end_();
    this.rows_.style.height = `${this.records_.length * height}px`;
    const wanted = new Set();
    for (let i = first; i < last; i++) wanted.add(this.records_[i].key);
    for (const [key, row] of this.shown_) {
      if (!wanted.has(key)) {
        row.remove();
        this.shown_.delete(key);
      }
    }
    let active = "";
    for (let i = first; i < last; i++) {
      const record = this.records_[i];
      let row = this.shown_.get(record.key);
      if (!row) {
        row = makeRow(record.key);
        this.shown_.set(record.key, row);
      }
      if (row.record !== record) this.fill_(row, record);
      row.style.transform = `translateY(${i * height}px)`;
      row.setAttribute("aria-posinset", String(i + 1));
      row.setAttribute("aria-setsize", String(this.records_.length));
      const selected = record.key === this.selected_;
      row.setAttribute("aria-selected", String(selected));
      if (selected) active = row.id;
      // In document order, as screen readers read it.
      const at = this.rows_.children[i - first];
      if (at !== row) this.rows_.insertBefore(row, at ?? null);
    }
    if (active) this.list_.setAttribute("aria-activedescendant", active);
    else this.list_.removeAttribute("aria-activedescendant");
  }

  fill_(row, record) {
    const { item, hit } = record; // a search's result has what the search says of it
    const [dot, name, price, text, meta] = row.children;
    dot.style.backgroundColor = this.color_of_(item.kind);
    setText(name, item.name || `(${record.key})`, item.lang);
    const stored = formatPrice(item.price, item.currency);
    const converted = hit?.currency && hit.currency !== item.currency && hit.price !== null;
    price.textContent = converted ? `≈ ${formatPrice(hit.price, hit.currency)}` : stored;
    price.classList.toggle("none", item.price === null || item.price === undefined);
    setText(text, item.description || "", item.lang);
    if (hit?.headline) setHeadline(text, hit.headline);
    meta.textContent = [item.kind, countryName(item.country), converted && stored].filter(Boolean).join(" · ");
    row.classList.toggle("changed", this.flashes_.has(record.key));
    row.record = record;
  }

  /** Colours of kinds follow the colour scheme and the data. */
  refill() {
    for (const row of this.shown_.values()) row.record = null;
    this.schedule_();
  }

  onKey_(event) {
    const page = Math.max(1, Math.floor(this.list_.clientHeight / this.height_()) - 1);
    const now = this.index_.get(this.selected_) ?? -1;
    const last = this.records_.length - 1;
    const to = { ArrowDown: now + 1, ArrowUp: now - 1, PageDown: now + page, PageUp: now - page, Home: 0, End: last }[event.key];
    if (to === undefined || last < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const index = Math.min(last, Math.max(0, to));
    this.scrollTo_(index);
    this.on_select_(this.records_[index].key);
  }
}

let row_number = 0;

function makeRow(key) {
  const row = document.createElement("div");
  row.className = "row";
  row.id = `row-${++row_number}`;
  row.dataset.key = key;
  row.setAttribute("role", "option");
  for (const name of ["kind-dot", "name", "price", "text", "meta"]) {
    const part = document.createElement("span");
    part.className = name;
    row.append(part);
  }
  return row;
}

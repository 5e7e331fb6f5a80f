// The copy of the items that this page holds, and the rule by which pages and events meet in it.
import { countryName, fold } from "./format.js";

/** Splits `<epoch>:<lsn>-<n>`; null for anything else. */
export function parsePosition(text) {
  const parts = /^(.+):(\d+)-(\d+)$/.exec(text || "");
  return parts ? { epoch: parts[1], lsn: BigInt(parts[2]), ordinal: BigInt(parts[3]) } : null;
}

/** True when `position` is known to be contained in `held`; positions of different epochs are never compared. */
export function isContained(position, held) {
  if (!position || !held || position.epoch !== held.epoch) return false;
  return position.lsn < held.lsn || (position.lsn === held.lsn && position.ordinal <= held.ordinal);
}

export function makeRecord(key, item, position) {
  const at = item.location && Array.isArray(item.location.coordinates) ? item.location.coordinates : null;
  return {
    key,
    item,
    position,
    lon: at ? at[0] : NaN,
    lat: at ? at[1] : NaN,
    changed_at: 0,
    // Folding thousands of long texts is work for the first filter, not for loading.
    get haystack() {
      const text = fold([item.name, item.description, countryName(item.country), item.country, item.kind, item.currency, key]
        .filter(Boolean).join(" "));
      Object.defineProperty(this, "haystack", { value: text });
      return text;
    },
  };
}

export class Store {
  constructor() {
    this.records = new Map(); // key text -> record; the key, not item.id: a bigint does not fit a JavaScript number
    this.touched = null; // during a load: keys that events changed since it began
    this.seen = null; // during a load: keys that a page held
  }

  get loading() { return this.touched !== null; }

  beginLoad() {
    this.touched = new Set();
    this.seen = new Set();
  }

  /** A page is older than any event that came since the load began: the event wins. */
  mergePage(rows, position) {
    for (const { key, item } of rows) {
      this.seen.add(key);
      if (this.touched.has(key) || !item) continue;
      const held = this.records.get(key);
      const record = makeRecord(key, item, position);
      record.changed_at = held ? held.changed_at : 0;
      this.records.set(key, record);
    }
  }

  /** What no page held and no event made since is gone from the table. */
  endLoad() {
    for (const key of this.records.keys()) {
      if (!this.seen.has(key) && !this.touched.has(key)) this.records.delete(key);
    }
    this.touched = null;
    this.seen = null;
  }

  /**
   * Applies one event. Returns {op, key, before, after} for the feed, with records before and after, or null when
   * the copy already contains it.
   */
  apply(change, position) {
    if (change.op === "truncate") {
      this.records.clear();
      return { op: "truncate", key: null, before: null, after: null };
    }
    const key = change.key;
    const before = this.records.get(key) ?? null;
    if (before && isContained(position, before.position)) return null;
    if (this.touched) this.touched.add(key);
    if (change.op === "delete") {
      this.records.delete(key);
      return { op: "delete", key, before, after: null };
    }
    const after = makeRecord(key, change.item, position);
    after.changed_at = Date.now();
    this.records.set(key, after);
    return { op: before ? "update" : "insert", key, before, after };
  }
}

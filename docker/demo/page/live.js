// The connection: subscribe first, then read the pages, so that no change falls between the two.
import { parsePosition } from "./store.js";

const kPageSize = 500;
const kHelloWait = 4000; // ms until the pages are read without the stream, which then reads them again
const kRetryMin = 1000; // ms
const kRetryMax = 15000; // ms

/**
 * Keeps a store equal to the items of one type. Callbacks: onState(state, detail), onProgress(count),
 * onLoaded(), onChanges([{op,key,before,after}]).
 */
export class Live {
  constructor(type, store, callbacks) {
    this.type_ = encodeURIComponent(type);
    this.store_ = store;
    this.call_ = callbacks;
    this.last_id_ = "";
    this.load_number_ = 0;
    this.retry_ = kRetryMin;
    this.greeted_ = false;
  }

  start() {
    this.connect_();
    setTimeout(() => { if (!this.greeted_) this.load_(); }, kHelloWait);
  }

  connect_() {
    const resume = this.last_id_ ? `&last_event_id=${encodeURIComponent(this.last_id_)}` : "";
    const source = new EventSource(`/v1/live?items=${this.type_}/*${resume}`);
    source.addEventListener("hello", (event) => this.greet_(event));
    source.addEventListener("item", (event) => this.receive_(event));
    source.addEventListener("resync", (event) => this.resync_(event));
    source.addEventListener("error", () => this.lose_(source));
  }

  greet_(event) {
    this.note_(event);
    this.retry_ = kRetryMin;
    this.call_.onState("live");
    // Only the first greeting starts a load: a resumed stream continues, or says resync.
    if (!this.greeted_) this.load_();
    this.greeted_ = true;
  }

  note_(event) {
    if (event.lastEventId) this.last_id_ = event.lastEventId;
  }

  lose_(source) {
    this.call_.onState("reconnecting");
    if (source.readyState !== EventSource.CLOSED) return; // the browser itself tries again
    setTimeout(() => this.connect_(), this.retry_);
    this.retry_ = Math.min(this.retry_ * 2, kRetryMax);
  }

  resync_(event) {
    this.note_(event);
    this.load_("resynced");
  }

  async receive_(event) {
    this.note_(event);
    const change = JSON.parse(event.data);
    const position = parsePosition(event.lastEventId);
    if (change.op === "delete" || change.op === "truncate" || change.item) this.apply_(change, position);
    else await this.fetchOne_(change.key);
  }

  apply_(change, position) {
    const result = this.store_.apply(change, position);
    if (result) this.call_.onChanges([result]);
    // A page that is on its way may hold rows from before the truncation: read them all again.
    if (change.op === "truncate" && this.store_.loading) this.load_();
  }

  /** An event whose row the server could not give at that moment. */
  async fetchOne_(key) {
    const answer = await fetch(`/v1/items/${this.type_}/${encodeURI(key)}`, { cache: "no-store" }).catch(() => null);
    if (!answer || (!answer.ok && answer.status !== 404)) {
      this.load_();
      return;
    }
    const position = parsePosition(answer.headers.get("Itemize-Position"));
    if (answer.status === 404) this.apply_({ op: "delete", key }, position);
    else this.apply_({ op: "update", key, item: await answer.json() }, position);
  }

  /** Reads all pages; a newer load makes an older one stop. */
  async load_(state_after = "live") {
    const number = ++this.load_number_;
    for (let wait = kRetryMin; number === this.load_number_; wait = Math.min(wait * 2, kRetryMax)) {
      try {
        this.store_.beginLoad();
        await this.readPages_(number);
        if (number !== this.load_number_) return;
        this.store_.endLoad();
        this.call_.onLoaded();
        if (this.greeted_) this.call_.onState(state_after);
        return;
      } catch (error) {
        this.call_.onState("reconnecting", String(error.message || error));
        await new Promise((resume) => setTimeout(resume, wait));
      }
    }
  }

  async readPages_(number) {
    let after = null;
    do {
      const from = after === null ? "" : `&after=${encodeURIComponent(after)}`;
      const answer = await fetch(`/v1/items/${this.type_}?limit=${kPageSize}${from}`, { cache: "no-store" });
      if (!answer.ok) throw new Error(`the list answers ${answer.status}`);
      const page = await answer.json();
      if (number !== this.load_number_) return;
      this.store_.mergePage(page.items, parsePosition(answer.headers.get("Itemize-Position")));
      this.call_.onProgress(this.store_.records.size);
      after = page.next;
    } while (after !== null && after !== undefined);
  }
}

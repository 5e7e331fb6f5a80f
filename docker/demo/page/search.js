// Searches: words, kinds, prices and a currency become one question to the server; the newest question wins.

const kPageSize = 100;
const kPause = 150; // ms of quiet after a keystroke
const kCalm = 700; // ms of quiet after a change in the table
const kRanges = [0, 10, 25, 50, 100, 250, 1000]; // prices, in the currency chosen
const kWorldPixels = 512; // of a map at zoom level 0: clusters of about a finger's width

/** What the reader asks for. Nothing of it: the whole catalogue, as it is held. */
export class Question {
  constructor() {
    this.words = "";
    this.kinds = new Set();
    this.price = ""; // "low,high" as the facet has it; either may be empty
    this.currency = ""; // none: prices as they are stored
    this.order = "";
  }

  get empty() { return !this.words.trim() && !this.kinds.size && !this.price && !this.currency && !this.order.startsWith("price"); }

  /** As parameters, but for the names in `without`. */
  parameters(without = []) {
    const parameters = new URLSearchParams();
    const add = (name, value) => { if (value && !without.includes(name)) parameters.append(name, value); };
    add("q", asTyped(this.words));
    if (this.kinds.size) add("kind", `in.(${[...this.kinds].map(quote).join(",")})`);
    const [low, high] = this.price.split(",");
    add("price", low && `gte.${low}`);
    add("price", high && `lte.${high}`);
    if (this.currency || this.price || this.order.startsWith("price")) add("currency", this.currency || "EUR");
    add("order", this.order);
    return parameters;
  }
}

/** The last word may not be typed to its end: also what begins like it. */
function asTyped(text) {
  const last = /(?:^|\s)(\S+\s+)?([\p{L}\p{N}]{2,})$/u.exec(text);
  const quoted = (text.match(/"/g) ?? []).length % 2 === 1;
  return last && !quoted && last[1]?.trim() !== "NOT" ? `${text.trim()} OR ${last[2]}*` : text.trim();
}

/** An element of a list of PostgREST's. */
function quote(text) {
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}

/**
 * Callbacks: onResults({hits, total, next, relaxed}) with all hits so far, onFacets({kind, price, currency}),
 * onClusters(clusters), onFailure(status): then the page does without.
 */
export class Search {
  constructor(type, question, callbacks) {
    this.type_ = encodeURIComponent(type);
    this.question_ = question;
    this.call_ = callbacks;
    this.timer_ = 0;
    this.due_ = 0;
    this.running_ = new Map(); // what -> AbortController
    this.hits_ = [];
    this.next_ = null;
    this.view_ = null;
  }

  /** Asks soon; sooner after a reader's hand than after a change in the table. */
  schedule(by_reader = true) {
    const due = performance.now() + (by_reader ? kPause : kCalm);
    if (this.timer_ && !by_reader && this.due_ <= due) return; // a stream of changes does not put it off for ever
    clearTimeout(this.timer_);
    this.due_ = due;
    this.timer_ = setTimeout(() => {
      this.timer_ = 0;
      this.run();
    }, due - performance.now());
  }

  run() {
    this.askFacets_();
    if (this.question_.empty) {
      this.stop_("search");
      this.stop_("clusters");
      this.call_.onResults(null);
      this.call_.onClusters(null);
      return;
    }
    this.askPage_(null);
    this.askClusters_();
  }

  /** The page behind the last, if there is one. */
  more() {
    if (this.next_ && !this.running_.has("search")) this.askPage_(this.next_);
  }

  /** What the map shows: {bbox: [west, south, east, north], scale: pixels for the whole world}. */
  look(view) {
    this.view_ = view;
    if (!this.question_.empty) this.askClusters_();
  }

  async askPage_(after) {
    const parameters = this.question_.parameters();
    parameters.set("limit", String(kPageSize));
    if (after) parameters.set("after", after);
    else parameters.set("total", "exact");
    const page = await this.get_("search", parameters);
    if (!page) return;
    const hits = page.items.filter(({ item }) => item); // all but those that the database cannot give
    this.hits_ = after ? this.hits_.concat(hits) : hits;
    if (!after) this.total_ = page.total;
    this.next_ = page.next;
    this.call_.onResults({ hits: this.hits_, total: this.total_, next: page.next, relaxed: page.relaxed });
  }

  /** Each facet is counted without its own filter: else one choice would make all others vanish. */
  async askFacets_() {
    const lists = [["kind", "kind"], ["price", `price.ranges(${kRanges.join(",")})`], ["currency", "currency"]];
    const answers = await Promise.all(lists.map(([name, list]) => {
      // The currency is that of the prices, no filter of its own.
      const parameters = this.question_.parameters(name === "currency" ? ["order"] : ["order", name]);
      if (name === "price") parameters.set("currency", this.question_.currency || "EUR");
      parameters.set("facets", list);
      parameters.set("max_values", "40");
      return this.get_("facets", parameters, name);
    }));
    if (answers.some((answer) => !answer)) return;
    this.call_.onFacets(Object.assign({}, ...answers.map((answer) => answer.facets)));
  }

  async askClusters_() {
    if (!this.view_) return;
    const parameters = this.question_.parameters(["order"]);
    const zoom = Math.floor(Math.log2(Math.max(this.view_.scale, 1) / kWorldPixels)) + 1;
    parameters.set("zoom", String(Math.min(22, Math.max(0, zoom))));
    parameters.set("bbox", this.view_.bbox.map((degrees) => degrees.toFixed(5)).join(","));
    const answer = await this.get_("clusters", parameters);
    if (answer) this.call_.onClusters(answer.clusters);
  }

  stop_(name) {
    this.running_.get(name)?.abort();
    this.running_.delete(name);
  }

  /** The answer, or null when a newer question of the same kind took its place, or there is none. */
  async get_(path, parameters, part = "") {
    const name = path + part;
    this.stop_(name);
    const control = new AbortController();
    this.running_.set(name, control);
    try {
      const answer = await fetch(`/v1/${path}/${this.type_}?${parameters}`, { signal: control.signal });
      const body = answer.ok ? await answer.json() : null;
      if (this.running_.get(name) !== control) return null;
      this.running_.delete(name);
      if (!body) this.call_.onFailure(answer.status);
      return body;
    } catch {
      if (this.running_.get(name) !== control) return null; // a newer one runs
      this.running_.delete(name);
      this.call_.onFailure(0);
      return null;
    }
  }
}

const kEntities = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&#039;": "'", "&apos;": "'", "&amp;": "&" };

/** Shows a headline: escaped HTML whose only elements are <mark>. Nothing of it is ever parsed as HTML. */
export function setHeadline(element, html) {
  const unescape = (text) => text.replace(/&(?:lt|gt|quot|amp|apos|#0?39);/g, (entity) => kEntities[entity]);
  const parts = html.split(/<mark>(.*?)<\/mark>/s).map((text, index) => {
    if (index % 2 === 0) return document.createTextNode(unescape(text));
    const mark = document.createElement("mark");
    mark.textContent = unescape(text);
    return mark;
  });
  element.replaceChildren(...parts);
}

// The map: a canvas with the graticule, a coarse outline of the land and one point an item.
import { land, lakes } from "./outline.js";
import { degreeText, graticuleStep, kMaxLatitude, projectX, projectY, scaleBar, unprojectX, unprojectY } from "./projection.js";

const kMaxScale = 6e7; // pixels for the whole world: about 0.7 m a pixel
const kPulse = 1800; // ms
const kEarth = 40075017; // metres round the equator

/** Where the outline is too coarse to be true it fades: pixels per degree at which it begins, and is gone. */
const kFadeFrom = 14;
const kFadeTo = 45;

const still = matchMedia("(prefers-reduced-motion: reduce)");

function clusterRadius(count) {
  return Math.min(26, 9 + 2.4 * Math.log2(count));
}

export class WorldMap {
  /** onView({bbox, scale}) is called when another part of the world is shown. */
  constructor(canvas, color_of, on_view = () => {}) {
    this.on_view_ = on_view;
    this.canvas_ = canvas;
    this.context_ = canvas.getContext("2d");
    this.color_of_ = color_of;
    this.points_ = [];
    this.clusters_ = null; // of a search: [{x, y, count, key, color}]
    this.pulses_ = new Map(); // key -> {x, y, color, start}
    this.selected_ = null;
    this.width_ = 0;
    this.height_ = 0;
    this.x_ = 0.5;
    this.y_ = 0.45;
    this.scale_ = 300;
    this.moved_ = false; // true once the reader has moved the map: then it is not fitted again
    this.readColors();
    new ResizeObserver(() => this.resize_()).observe(canvas);
  }

  readColors() {
    const style = getComputedStyle(document.documentElement);
    const value = (name) => style.getPropertyValue(name).trim();
    this.colors_ = {
      sea: value("--sea"), land: value("--land"), coast: value("--coast"), grid: value("--grid"), ink: value("--muted"),
      ring: value("--point-ring"), group: value("--accent"), onGroup: value("--on-accent"), pulse: value("--pulse"), selected: value("--text"),
    };
    this.draw();
  }

  show(records) {
    this.points_ = [];
    for (const record of records) {
      if (!Number.isFinite(record.lon) || !Number.isFinite(record.lat)) continue;
      this.points_.push({ key: record.key, x: projectX(record.lon), y: projectY(record.lat), color: this.color_of_(record.item.kind) });
    }
    this.draw();
  }

  /** Groups of a search's results in place of single points; null: points again. colorOf(key) of a group of one. */
  showClusters(clusters, color_of_key) {
    this.clusters_ = clusters && clusters.map(({ lon, lat, count, key, bbox }) => (
      { x: projectX(lon), y: projectY(lat), count, key: key ?? null, bbox, color: key === undefined ? null : color_of_key(key) }));
    this.draw();
  }

  /** What is shown, as {bbox: [west, south, east, north], scale}. */
  get view() {
    const [from, to] = [this.toWorld_(0, 0), this.toWorld_(this.width_, this.height_)];
    const round = (x) => ((((unprojectX(x) + 180) % 360) + 360) % 360) - 180;
    const world = to.x - from.x >= 1;
    const north = from.y <= projectY(kMaxLatitude) ? 90 : unprojectY(from.y);
    const south = to.y >= projectY(-kMaxLatitude) ? -90 : unprojectY(to.y);
    return { bbox: [world ? -180 : round(from.x), south, world ? 180 : round(to.x), north], scale: this.scale_ };
  }

  get pointCount() { return this.points_.length; }

  select(record) {
    this.selected_ = record ? record.key : null;
    if (record && Number.isFinite(record.lon)) {
      const at = this.toScreen_(projectX(record.lon), projectY(record.lat));
      const margin = 30;
      if (at.x < margin || at.y < margin || at.x > this.width_ - margin || at.y > this.height_ - margin) {
        this.x_ = projectX(record.lon);
        this.y_ = projectY(record.lat);
        this.clamp_();
      }
    }
    this.draw();
  }

  pulse(record) {
    if (!Number.isFinite(record.lon)) return;
    this.pulses_.set(record.key, { x: projectX(record.lon), y: projectY(record.lat), start: performance.now() });
    this.draw();
  }

  /** Shows all points, unless the reader has chosen a view and `force` is false. */
  fit(force) {
    if ((this.moved_ && !force) || !this.width_ || !this.points_.length) return;
    // Of thousands of points a few strays would make the rest small: they are one press of the button away.
    const strays = force || this.points_.length < 1000 ? 0 : Math.floor(this.points_.length * 0.003);
    const range = (values) => {
      values.sort((a, b) => a - b);
      return [values[strays], values[values.length - 1 - strays]];
    };
    const [left, right] = range(this.points_.map(({ x }) => x));
    const [top, bottom] = range(this.points_.map(({ y }) => y));
    const padding = Math.min(40, this.width_ * 0.06);
    const least = 1e-5; // one single point still gets some surroundings
    this.scale_ = Math.min(
      (this.width_ - 2 * padding) / Math.max(right - left, least),
      (this.height_ - 2 * padding) / Math.max(bottom - top, least));
    this.x_ = (left + right) / 2;
    this.y_ = (top + bottom) / 2;
    this.moved_ = false;
    this.clamp_();
    this.draw();
  }

  zoomAt(factor, screen_x = this.width_ / 2, screen_y = this.height_ / 2) {
    const before = this.toWorld_(screen_x, screen_y);
    this.scale_ *= factor;
    this.clamp_();
    const after = this.toWorld_(screen_x, screen_y);
    this.x_ += before.x - after.x;
    this.y_ += before.y - after.y;
    this.moved_ = true;
    this.clamp_();
    this.draw();
  }

  pan(dx, dy) {
    this.x_ -= dx / this.scale_;
    this.y_ -= dy / this.scale_;
    this.moved_ = true;
    this.clamp_();
    this.draw();
  }

  /** The key of the point nearest to a place on the screen within `reach` pixels, or null. */
  hit(screen_x, screen_y, reach) {
    let best = null;
    let best_distance = reach * reach;
    for (const point of this.clusters_?.filter(({ key }) => key !== null) ?? this.points_) {
      for (const copy of this.copies_()) {
        const at = this.toScreen_(point.x + copy, point.y);
        const distance = (at.x - screen_x) ** 2 + (at.y - screen_y) ** 2;
        if (distance < best_distance) [best, best_distance] = [point.key, distance];
      }
    }
    return best;
  }

  /** Zooms in on the group at a place of the screen; false when there is none. */
  enter(screen_x, screen_y) {
    for (const group of this.clusters_ ?? []) {
      if (group.key !== null) continue;
      for (const copy of this.copies_()) {
        const at = this.toScreen_(group.x + copy, group.y);
        if (Math.hypot(at.x - screen_x, at.y - screen_y) > clusterRadius(group.count) + 4) continue;
        this.zoomAt(2.2, at.x, at.y);
        return true;
      }
    }
    return false;
  }

  clamp_() {
    const least = Math.max(Math.min(this.width_, this.height_ * 1.6) * 0.95, 200);
    this.scale_ = Math.min(kMaxScale, Math.max(least, this.scale_));
    this.x_ -= Math.floor(this.x_); // the world goes round
    const half = Math.min(0.5, this.height_ / 2 / this.scale_);
    this.y_ = Math.min(1 - half, Math.max(half, this.y_));
  }

  toScreen_(x, y) {
    return { x: (x - this.x_) * this.scale_ + this.width_ / 2, y: (y - this.y_) * this.scale_ + this.height_ / 2 };
  }

  toWorld_(x, y) {
    return { x: (x - this.width_ / 2) / this.scale_ + this.x_, y: (y - this.height_ / 2) / this.scale_ + this.y_ };
  }

  /** Offsets of the copies of the world that are in sight. */
  copies_() {
    const half = this.width_ / 2 / this.scale_;
    return [-1, 0, 1].filter((copy) => copy + 1 > this.x_ - half && copy - 0.03 < this.x_ + half);
  }

  resize_() {
    const box = this.canvas_.getBoundingClientRect();
    const ratio = devicePixelRatio || 1;
    this.width_ = box.width;
    this.height_ = box.height;
    this.canvas_.width = Math.round(box.width * ratio);
    this.canvas_.height = Math.round(box.height * ratio);
    this.context_.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.clamp_();
    this.fit(false);
    this.paint_(); // at once: setting the size has cleared the canvas
  }

  draw() {
    if (this.pending_) return;
    this.pending_ = requestAnimationFrame(() => {
      this.pending_ = 0;
      this.paint_();
      this.tellView_();
    });
  }

  /** Once it has come to rest. */
  tellView_() {
    const now = `${this.x_} ${this.y_} ${this.scale_} ${this.width_} ${this.height_}`;
    if (now === this.told_ || !this.width_) return;
    this.told_ = now;
    clearTimeout(this.telling_);
    this.telling_ = setTimeout(() => this.on_view_(this.view), 200);
  }

  paint_() {
    const per_degree = this.scale_ / 360;
    const seen = Math.min(1, Math.max(0, (kFadeTo - per_degree) / (kFadeTo - kFadeFrom)));
    this.context_.fillStyle = this.colors_.sea;
    this.context_.fillRect(0, 0, this.width_, this.height_);
    if (seen > 0) this.paintLand_();
    if (seen < 1) { // close up everything is land: the points and the graticule carry the picture
      this.context_.globalAlpha = 1 - seen;
      this.context_.fillStyle = this.colors_.land;
      this.context_.fillRect(0, 0, this.width_, this.height_);
      this.context_.globalAlpha = 1;
    }
    this.paintGraticule_(per_degree);
    if (this.clusters_) this.paintClusters_();
    else this.paintPoints_();
    this.paintPulses_();
    this.paintScale_();
  }

  paintLand_() {
    const draw = this.context_;
    const trace = (shapes) => {
      draw.beginPath();
      for (const copy of this.copies_()) {
        for (const shape of shapes) {
          for (let i = 0; i < shape.length; i += 2) {
            const at = this.toScreen_(projectX(shape[i]) + copy, projectY(shape[i + 1]));
            if (i === 0) draw.moveTo(at.x, at.y);
            else draw.lineTo(at.x, at.y);
          }
          draw.closePath();
        }
      }
    };
    draw.lineJoin = "round";
    draw.lineWidth = 1;
    draw.strokeStyle = this.colors_.coast;
    for (const [shapes, fill] of [[land, this.colors_.land], [lakes, this.colors_.sea]]) {
      trace(shapes);
      draw.fillStyle = fill;
      draw.fill();
      draw.stroke();
    }
  }

  paintGraticule_(per_degree) {
    const draw = this.context_;
    const step = graticuleStep(per_degree, Math.max(80, this.width_ / 8));
    const from = this.toWorld_(0, 0);
    const to = this.toWorld_(this.width_, this.height_);
    draw.lineWidth = 1;
    draw.strokeStyle = this.colors_.grid;
    draw.fillStyle = this.colors_.ink;
    draw.font = "10px system-ui, sans-serif";
    draw.textBaseline = "top";
    draw.beginPath();
    for (let i = Math.ceil(unprojectX(from.x) / step); i * step <= unprojectX(to.x); i++) {
      const x = Math.round(this.toScreen_(projectX(i * step), 0).x) + 0.5;
      draw.moveTo(x, 0);
      draw.lineTo(x, this.height_);
      const lon = ((((i * step + 180) % 360) + 360) % 360) - 180;
      if (x > 30 && x < this.width_ - 60) draw.fillText(degreeText(lon, step, "E", "W"), x + 3, 4);
    }
    for (let i = Math.ceil(unprojectY(to.y) / step); i * step <= unprojectY(from.y); i++) {
      const y = Math.round(this.toScreen_(0, projectY(i * step)).y) + 0.5;
      draw.moveTo(0, y);
      draw.lineTo(this.width_, y);
      if (y > 18 && y < this.height_ - 30) draw.fillText(degreeText(i * step, step, "N", "S"), 4, y + 2);
    }
    draw.stroke();
  }

  paintPoints_() {
    const draw = this.context_;
    const crowded = this.points_.length > 1000;
    const radius = Math.min(crowded ? 5 : 6.5, (crowded ? 2.4 : 3.2) + Math.max(0, Math.log2(this.scale_ / 1000)) * (crowded ? 0.12 : 0.4));
    const groups = new Map();
    let selected = null;
    for (const point of this.points_) {
      if (point.key === this.selected_) selected = point;
      if (!groups.has(point.color)) groups.set(point.color, []);
      groups.get(point.color).push(point);
    }
    draw.lineWidth = 1.2;
    draw.strokeStyle = this.colors_.ring;
    draw.globalAlpha = crowded ? 0.45 : 0.92;
    for (const [color, points] of groups) {
      draw.fillStyle = color;
      // Thousands of points: no rings, which would hide them, and each painted by itself, so that many make a darker place.
      for (const part of crowded ? points.map((point) => [point]) : [points]) {
        draw.beginPath();
        for (const point of part) this.addCircles_(point, radius);
        draw.fill();
        if (!crowded) draw.stroke();
      }
    }
    draw.globalAlpha = 1;
    if (!selected) return;
    draw.beginPath();
    this.addCircles_(selected, radius + 3);
    draw.fillStyle = selected.color;
    draw.fill();
    draw.lineWidth = 2.5;
    draw.strokeStyle = this.colors_.selected;
    draw.stroke();
  }

  paintClusters_() {
    const draw = this.context_;
    draw.textAlign = "center";
    draw.textBaseline = "middle";
    // Large ones first, so that none is hidden.
    for (const group of [...this.clusters_].sort((a, b) => b.count - a.count)) {
      const chosen = group.key !== null && group.key === this.selected_;
      const radius = group.key === null ? clusterRadius(group.count) : chosen ? 9 : 6;
      draw.beginPath();
      this.addCircles_(group, radius);
      draw.globalAlpha = 0.9;
      draw.fillStyle = group.color ?? this.colors_.group;
      draw.fill();
      draw.globalAlpha = 1;
      draw.lineWidth = chosen ? 2.5 : 1.4;
      draw.strokeStyle = chosen ? this.colors_.selected : this.colors_.ring;
      draw.stroke();
      if (group.key !== null) continue;
      draw.fillStyle = this.colors_.onGroup;
      draw.font = `600 ${radius > 14 ? 13 : 11}px system-ui, sans-serif`;
      const text = group.count < 10000 ? String(group.count) : `${Math.round(group.count / 1000)}k`;
      for (const copy of this.copies_()) {
        const at = this.toScreen_(group.x + copy, group.y);
        draw.fillText(text, at.x, at.y + 0.5);
      }
    }
    draw.textAlign = "start";
  }

  addCircles_(point, radius) {
    for (const copy of this.copies_()) {
      const at = this.toScreen_(point.x + copy, point.y);
      if (at.x < -radius || at.y < -radius || at.x > this.width_ + radius || at.y > this.height_ + radius) continue;
      this.context_.moveTo(at.x + radius, at.y);
      this.context_.arc(at.x, at.y, radius, 0, 2 * Math.PI);
    }
  }

  paintPulses_() {
    const now = performance.now();
    const draw = this.context_;
    draw.strokeStyle = this.colors_.pulse;
    for (const [key, pulse] of this.pulses_) {
      const age = (now - pulse.start) / kPulse;
      if (age >= 1) {
        this.pulses_.delete(key);
        continue;
      }
      // Two rings that widen and fade; one ring that stays for readers who asked for less motion.
      for (const part of still.matches ? [0.35] : [age, age - 0.25]) {
        if (part < 0) continue;
        draw.globalAlpha = still.matches ? 0.9 : (1 - part) ** 1.5;
        draw.lineWidth = 3;
        draw.beginPath();
        this.addCircles_(pulse, 5 + 30 * Math.sqrt(part));
        draw.stroke();
      }
    }
    draw.globalAlpha = 1;
    if (this.pulses_.size) this.draw();
  }

  paintScale_() {
    const latitude = (unprojectY(this.y_) * Math.PI) / 180;
    const bar = scaleBar((kEarth * Math.cos(latitude)) / this.scale_, 110);
    const draw = this.context_;
    const y = this.height_ - 10;
    draw.strokeStyle = this.colors_.ink;
    draw.fillStyle = this.colors_.ink;
    draw.lineWidth = 1.5;
    draw.beginPath();
    draw.moveTo(10, y - 5);
    draw.lineTo(10, y);
    draw.lineTo(10 + bar.pixels, y);
    draw.lineTo(10 + bar.pixels, y - 5);
    draw.stroke();
    draw.font = "11px system-ui, sans-serif";
    draw.textBaseline = "bottom";
    draw.fillText(bar.text, 14, y - 2);
  }
}

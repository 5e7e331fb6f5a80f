// Mouse, touch and keyboard on the map: drag, wheel, pinch, tap, arrow keys.

const kTap = 6; // pixels that a pointer may move and still tap

/** onTap(key or null), onHover(key or null, x, y): what is under the pointer. */
export function listen(canvas, map, { onTap, onHover }) {
  const pointers = new Map(); // id -> {x, y}
  let moved = 0;

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    if (pointers.size === 0) moved = 0;
    pointers.set(event.pointerId, place(event));
  });

  canvas.addEventListener("pointermove", (event) => {
    const now = place(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") onHover(map.hit(now.x, now.y, 10), now.x, now.y);
      return;
    }
    if (pointers.size === 1) {
      moved += Math.hypot(now.x - before.x, now.y - before.y);
      if (moved > kTap) {
        canvas.classList.add("dragging");
        map.pan(now.x - before.x, now.y - before.y);
      }
    } else {
      pinch(event.pointerId, before, now);
    }
    pointers.set(event.pointerId, now);
  });

  const pinch = (id, before, now) => {
    moved = Infinity;
    const other = [...pointers].find(([held]) => held !== id)[1];
    const distance = Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
    const factor = Math.max(1, Math.hypot(now.x - other.x, now.y - other.y)) / distance;
    map.zoomAt(factor, (now.x + other.x) / 2, (now.y + other.y) / 2);
    map.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
  };

  const release = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    canvas.classList.remove("dragging");
    if (event.type === "pointerup" && moved <= kTap) {
      const at = place(event);
      const key = map.hit(at.x, at.y, event.pointerType === "mouse" ? 10 : 22);
      if (key !== null || !map.enter(at.x, at.y)) onTap(key);
    }
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => onHover(null, 0, 0));

  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    onHover(null, 0, 0); // what was under the pointer moves away
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1;
    const at = place(event);
    map.zoomAt(Math.exp(-Math.max(-240, Math.min(240, event.deltaY * lines)) * 0.003), at.x, at.y);
  }, { passive: false });

  canvas.addEventListener("dblclick", (event) => {
    const at = place(event);
    map.zoomAt(2, at.x, at.y);
  });

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = {
      ArrowLeft: () => map.pan(60, 0),
      ArrowRight: () => map.pan(-60, 0),
      ArrowUp: () => map.pan(0, 60),
      ArrowDown: () => map.pan(0, -60),
      "+": () => map.zoomAt(1.5),
      "=": () => map.zoomAt(1.5),
      "-": () => map.zoomAt(1 / 1.5),
      0: () => map.fit(true),
    }[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

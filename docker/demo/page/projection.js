// Web Mercator onto the unit square: conformal, so that a city keeps its shape, and the world is the familiar one.

export const kMaxLatitude = 84;

export function projectX(lon) {
  return (lon + 180) / 360;
}

export function projectY(lat) {
  const bounded = Math.min(kMaxLatitude, Math.max(-kMaxLatitude, lat));
  return 0.5 - Math.log(Math.tan(Math.PI / 4 + (bounded * Math.PI) / 360)) / (2 * Math.PI);
}

export function unprojectX(x) {
  return x * 360 - 180;
}

export function unprojectY(y) {
  return (Math.atan(Math.exp((0.5 - y) * 2 * Math.PI)) * 360) / Math.PI - 90;
}

const kSteps = [60, 30, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];

/** The finest graticule step, in degrees, whose lines stay at least `gap` pixels apart. */
export function graticuleStep(pixels_per_degree, gap) {
  let step = kSteps[0];
  for (const candidate of kSteps) if (candidate * pixels_per_degree >= gap) step = candidate;
  return step;
}

export function degreeText(value, step, positive, negative) {
  const digits = step >= 1 ? 0 : Math.ceil(-Math.log10(step));
  const shown = Math.abs(value).toFixed(digits);
  return `${shown}°${Number(shown) === 0 ? "" : value > 0 ? positive : negative}`;
}

/** A round length for the scale bar: {pixels, text}, at most `room` pixels. */
export function scaleBar(metres_per_pixel, room) {
  const limit = metres_per_pixel * room;
  const power = 10 ** Math.floor(Math.log10(limit));
  const length = [5, 2, 1].map((digit) => digit * power).find((candidate) => candidate <= limit);
  const text = length >= 1000 ? `${length / 1000} km` : `${length} m`;
  return { pixels: length / metres_per_pixel, text };
}

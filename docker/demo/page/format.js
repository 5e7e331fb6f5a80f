// How values are shown: prices in their own currency, countries and times in the reader's language.

const price_formats = new Map();

/** A price in its ISO 4217 currency with that currency's decimals; an unknown currency is written after the number. */
export function formatPrice(price, currency) {
  if (price === null || price === undefined || price === "") return "no price";
  const amount = Number(price);
  if (!Number.isFinite(amount)) return String(price);
  const code = currency || "";
  if (!price_formats.has(code)) price_formats.set(code, makePriceFormat(code));
  const format = price_formats.get(code);
  return format ? format.format(amount) : `${amount} ${code}`.trim();
}

/** A whole amount of money, short. */
export function formatRound(amount, code) {
  return new Intl.NumberFormat(undefined, { style: "currency", currency: code, maximumFractionDigits: 0 }).format(Number(amount));
}

function makePriceFormat(code) {
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency: code });
  } catch {
    return null; // no such currency code: the number alone is still true
  }
}

const regions = typeof Intl.DisplayNames === "function" ? new Intl.DisplayNames(undefined, { type: "region" }) : null;

/** The country's name for an ISO 3166 alpha-2 code; anything else is shown as it is stored. */
export function countryName(code) {
  if (!code) return "";
  if (!regions || !/^[A-Z]{2}$/.test(code)) return code;
  try {
    return regions.of(code) ?? code;
  } catch {
    return code;
  }
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

export function formatTime(date) {
  return clock.format(date);
}

/** Folds case and accents, so that "plaza espana" finds "Plaza de España". */
export function fold(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

/** Sets text with its language; a wrong language tag in the data is left out, the direction follows the text. */
export function setText(element, text, lang) {
  element.textContent = text;
  element.dir = "auto";
  if (lang && /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/.test(lang)) element.lang = lang;
  else element.removeAttribute("lang");
}

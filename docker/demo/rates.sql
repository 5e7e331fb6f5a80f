-- Units of each currency for one euro: rounded, of no particular day, so that the demo has something to convert with.
-- Prices in a currency that is not here are shown as they are stored, and found by no search for a price.
SELECT itemize.set_rates('{
  "AED": 4.3, "AMD": 450, "ARS": 1600, "AUD": 1.78, "BGN": 1.9558, "BOB": 8.1, "BRL": 6.3, "CAD": 1.63, "CHF": 0.93, "CLP": 1110,
  "CNY": 8.3, "COP": 4600, "CRC": 590, "CZK": 24.4, "DKK": 7.46, "EGP": 56, "GBP": 0.87, "GEL": 3.17, "GHS": 12.8, "HKD": 9.1,
  "HUF": 390, "IDR": 19300, "ILS": 3.9, "INR": 103, "ISK": 146, "JPY": 180, "KES": 151, "KRW": 1680, "KZT": 610, "LKR": 355,
  "MAD": 10.7, "MXN": 21.5, "MYR": 4.9, "NGN": 1690, "NOK": 11.7, "NPR": 165, "NZD": 2.04, "PEN": 4.0, "PHP": 68, "PKR": 328,
  "PLN": 4.25, "RON": 5.08, "RSD": 117.2, "RUB": 95, "SAR": 4.36, "SEK": 11.0, "SGD": 1.51, "THB": 37.6, "TND": 3.4, "TRY": 49,
  "TWD": 35.6, "TZS": 2870, "UAH": 48.8, "USD": 1.16, "VND": 30500, "XAF": 655.957, "XOF": 655.957, "ZAR": 20.1
}', valid_from => '2026-01-01', source => 'rounded, for the demo') AS rates;

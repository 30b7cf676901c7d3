// The language of the page: one dictionary per language. To add a language, add its file and its line in LANGUAGES.

import de from './texts-de.js'
import en from './texts-en.js'

const LANGUAGES = { en, de }
const KEPT = 'mailcrane.language'

const preferred = () => [localStorage.getItem(KEPT), ...navigator.languages.map((one) => one.slice(0, 2))].find((one) => one in LANGUAGES) ?? 'en'

let language = preferred()
document.documentElement.lang = language

/** The language with the region of the browser, for numbers and times. */
const region = () => navigator.languages.find((one) => one.startsWith(language)) ?? language

/** Returns the language, such as `en`. */
export const current = () => language

/** Returns the languages with their own names. */
export const languages = () => Object.entries(LANGUAGES).map(([code, texts]) => [code, texts['language.name']])

/** Changes the language and keeps the choice in this browser. */
export function choose(code) {
  language = code
  localStorage.setItem(KEPT, code)
  document.documentElement.lang = code
}

/** Tells whether there is a text. */
export const has = (key) => key in LANGUAGES[language]

/** Returns a text; `{name}` is filled in, numbers in the manner of the language, `n` chooses the plural. */
export function t(key, values = {}) {
  let text = LANGUAGES[language][key] ?? LANGUAGES.en[key] ?? key
  if (typeof text === 'object') text = text[new Intl.PluralRules(language).select(values.n)] ?? text.other
  return text.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === 'number' ? number(values[name]) : values[name] ?? ''))
}

/** Says what a code of the API means: in the page's language when it is known, else in the API's own words. */
export function told(code, message) {
  return has(`code.${code}`) ? t(`code.${code}`) : message || code
}

/** Writes a whole number. */
export const number = (value) => new Intl.NumberFormat(region()).format(value)

/** Writes an amount of octets. */
export function bytes(value) {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte']
  let step = 0
  for (; value >= 1000 && step < units.length - 1; step += 1) value /= 1000
  const digits = step === 0 || value >= 100 ? 0 : 1
  return new Intl.NumberFormat(region(), { style: 'unit', unit: units[step], unitDisplay: step ? 'short' : 'long', maximumFractionDigits: digits }).format(value)
}

/** Writes a time of the browser's zone. */
export const time = (text) => new Intl.DateTimeFormat(region(), { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(text))

/** Writes a duration in words. */
export function duration(seconds) {
  const unit = (value, name) => new Intl.NumberFormat(region(), { style: 'unit', unit: name, unitDisplay: 'long', maximumFractionDigits: 0 }).format(value)
  if (seconds < 90) return unit(Math.max(1, Math.round(seconds)), 'second')
  if (seconds < 5400) return unit(Math.round(seconds / 60), 'minute')
  if (seconds < 129600) return unit(Math.round(seconds / 3600), 'hour')
  return unit(Math.round(seconds / 86400), 'day')
}

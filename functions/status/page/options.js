// What is copied: the fields of a migration's options, for a new order and for a change between passes.

import { fault, field, h } from './dom.js'
import { service } from './service.js'
import { t } from './texts.js'

const MEGABYTE = 1_000_000

/** One thing on each line; empty lines are left out. */
const lines = (text) => text.split('\n').map((one) => one.trim()).filter(Boolean)
const local = (iso) => (iso ? new Date(new Date(iso) - new Date(iso).getTimezoneOffset() * 60_000).toISOString().slice(0, 10) : '')

/** Fields for the options of the API; `read` gives options, or nothing when a field is wrong, which is marked. */
export function optionFields(given) {
  const many = (list, placeholder) => h('textarea', { rows: 2, spellcheck: 'false', placeholder, value: (list ?? []).join('\n') })
  const include = many(given.include_folders, 'INBOX*')
  const exclude = many(given.exclude_folders, 'Spam\nTrash/*')
  const map = many(Object.entries(given.folder_map ?? {}).map(([from, to]) => `${from} => ${to}`), 'Old/2019 => Archive/2019')
  const since = h('input', { type: 'date', value: local(given.since) })
  const before = h('input', { type: 'date', value: local(given.before) })
  const size = h('input', { type: 'number', min: 0, step: 'any', inputmode: 'decimal', value: given.max_octets === undefined ? '' : given.max_octets / MEGABYTE })
  const under = h('input', { value: given.under_folder ?? '', maxlength: 250 })
  const deleted = h('input', { type: 'checkbox', checked: given.include_deleted ?? false })
  const labels = h('input', { type: 'checkbox', checked: given.copy_per_label ?? false })
  const rescue = h('input', { type: 'checkbox', checked: given.rescue_oversize ?? false })
  const fields = {
    'options.include_folders': field(t('options.include'), include, { hint: t('options.include_hint') }),
    'options.exclude_folders': field(t('options.exclude'), exclude, { hint: t('options.exclude_hint') }),
    'options.since': field(t('options.since'), since, { hint: t('options.since_hint') }),
    'options.before': field(t('options.before'), before, { hint: t('options.since_hint') }),
    'options.max_octets': field(t('options.size'), size, { hint: t('options.size_hint') }),
    'options.under_folder': field(t('options.under'), under, { hint: t('options.under_hint') }),
    'options.folder_map': field(t('options.map'), map, { hint: t('options.map_hint') }),
  }
  const tick = (input, key) => h('label', { class: 'tick' }, input, h('span', null, t(key)))
  const rescued = tick(rescue, 'options.rescue')
  // Where the installation keeps no such messages there is nothing to choose.
  rescued.hidden = true
  service().then(({ oversize_rescue: offered }) => { rescued.hidden = !offered })
  const element = h('div', { class: 'stack' },
    h('div', { class: 'pair' }, fields['options.include_folders'], fields['options.exclude_folders']),
    h('div', { class: 'pair' }, fields['options.since'], fields['options.before']),
    h('div', { class: 'pair' }, fields['options.max_octets'], fields['options.under_folder']),
    fields['options.folder_map'], tick(deleted, 'options.deleted'), tick(labels, 'options.labels'), rescued)

  /** A day keeps its time when it was not changed. */
  const day = (input, known) => (input.value && input.value === local(known) ? known : input.value && new Date(`${input.value}T00:00`).toISOString())
  function read() {
    const pairs = lines(map.value).map((line) => line.split('=>').map((part) => part.trim()))
    const unread = pairs.some((pair) => pair.length !== 2 || !pair[0] || !pair[1])
    const wrongDays = since.value && before.value && since.value >= before.value
    fault(fields['options.folder_map'], unread ? t('options.map_fault') : '')
    fault(fields['options.before'], wrongDays ? t('options.before_fault') : '')
    fault(fields['options.max_octets'], size.validity.valid ? '' : t('options.size_fault'))
    if (unread || wrongDays || !size.validity.valid) return null
    // What this page has no field for stays as it is.
    const { include_folders, exclude_folders, folder_map, since: _, before: __, max_octets, under_folder, include_deleted, copy_per_label, rescue_oversize, ...rest } = given
    return {
      ...rest,
      include_deleted: deleted.checked,
      copy_per_label: labels.checked,
      ...(!rescued.hidden && { rescue_oversize: rescue.checked }),
      include_folders: lines(include.value),
      exclude_folders: lines(exclude.value),
      ...(since.value && { since: day(since, given.since) }),
      ...(before.value && { before: day(before, given.before) }),
      ...(size.value && { max_octets: Math.round(Number(size.value) * MEGABYTE) }),
      ...(under.value.trim() && { under_folder: under.value.trim() }),
      ...(pairs.length && { folder_map: Object.fromEntries(pairs) }),
    }
  }
  return { element, fields, read }
}

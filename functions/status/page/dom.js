// Builds elements; text only ever becomes a text node, so nothing that a server says is taken for markup.

const SVG = 'http://www.w3.org/2000/svg'
const PROPERTIES = new Set(['value', 'checked', 'disabled', 'hidden', 'open', 'indeterminate', 'selected', 'multiple'])

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else if (PROPERTIES.has(name)) element[name] = value
    else element.setAttribute(name, value === true ? '' : value)
  }
  put(element, children)
  return element
}

/** Makes an HTML element. */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children)
}

/** Makes an SVG element. */
export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children)
}

/** Appends children: elements, texts, lists of both; nothing for null and false. */
export function put(element, children) {
  for (const child of [children].flat(9)) {
    if (child === null || child === undefined || child === false) continue
    element.append(child instanceof Node ? child : String(child))
  }
}

/** Replaces the children. */
export function show(element, ...children) {
  element.replaceChildren()
  put(element, children)
}

/** Sets a text only when it changes, so that screen readers hear changes alone. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text
}

/** Isolates a text of a user or server: its direction and its line ends stay its own. */
export const foreign = (text) => h('bdi', { class: 'foreign' }, text)

let counter = 0
/** Makes an id for a label. */
export const freshId = (stem) => `${stem}-${++counter}`

/** A labelled input with a hint and a place for its error; `field` is its path in the API. */
export function field(label, input, { hint, name } = {}) {
  const id = freshId('field')
  input.id = id
  const told = [hint && h('span', { class: 'hint', id: `${id}-hint` }, hint), h('span', { class: 'error', id: `${id}-error` })]
  input.setAttribute('aria-describedby', [hint && `${id}-hint`, `${id}-error`].filter(Boolean).join(' '))
  return h('div', { class: 'field', 'data-field': name }, h('label', { for: id }, label), input, told)
}

/** Marks a field as wrong, or as well again when the text is empty. */
export function fault(holder, text) {
  const input = holder.querySelector('input, select, textarea')
  say(holder.querySelector('.error'), text)
  holder.classList.toggle('wrong', Boolean(text))
  if (text) input.setAttribute('aria-invalid', 'true')
  else input.removeAttribute('aria-invalid')
}

/** A group of radio buttons; gives the group and a way to read it. */
export function choice(legend, name, options, chosen, onchange) {
  const id = freshId(name)
  const inputs = options.map(({ value, label, hint }) => {
    const input = h('input', { type: 'radio', name: id, value, checked: value === chosen, onchange: () => onchange?.(value) })
    return h('label', { class: 'option' }, input, h('span', null, h('strong', null, label), hint && h('span', { class: 'hint' }, hint)))
  })
  const group = h('fieldset', { class: 'choice', 'data-field': name }, h('legend', null, legend), inputs)
  return { group, read: () => group.querySelector('input:checked')?.value }
}

/** Preparation help beside a step. */
export function help(title, ...paragraphs) {
  return h('details', { class: 'help' }, h('summary', null, title), paragraphs.map((text) =>
    Array.isArray(text) ? h('ul', null, text.map((one) => h('li', null, one))) : h('p', null, text)))
}

/** A bar; its value is told to screen readers by its label. */
export function bar(label) {
  const done = h('span', { class: 'bar-done' })
  const element = h('div', { class: 'bar', role: 'progressbar', 'aria-label': label, 'aria-valuemin': '0', 'aria-valuemax': '100' }, done)
  return {
    element,
    update(share, text) {
      const percent = Math.max(0, Math.min(100, share * 100))
      done.style.width = `${percent}%`
      element.setAttribute('aria-valuenow', String(Math.floor(percent)))
      element.setAttribute('aria-valuetext', text)
    },
  }
}

/** Opens a dialog; it is removed when it closes. */
export function dialog(title, content, buttons) {
  const id = freshId('dialog')
  const element = h('dialog', { 'aria-labelledby': id },
    h('div', { class: 'dialog-head' }, h('h2', { id, tabindex: '-1' }, title), h('button', { class: 'quiet close', type: 'button', 'aria-label': dialog.closeText, onclick: () => element.close() }, '×')),
    h('div', { class: 'dialog-body' }, content),
    buttons && h('div', { class: 'buttons dialog-foot' }, buttons))
  element.addEventListener('close', () => element.remove())
  document.body.append(element)
  element.showModal()
  return element
}

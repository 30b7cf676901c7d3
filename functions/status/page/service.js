// What this installation is and offers; asked for once.

import { read } from './api.js'

let told
export const service = () => (told ??= read('/v1/service').catch(() => ({})))

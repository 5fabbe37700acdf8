// A trace out of a file: OTLP in JSON, as *Export* and collectors write it, is taken in and shown.

import { h, toast } from '../dom.js';
import { things } from '../model/format.js';
import { readOtlp } from '../model/otlp.js';

/** @import { Api, Router } from '../model/contract.js' */
/** @import { Imported } from '../types/wire.d.ts' */

/** Has somebody choose a file, and opens the first trace in it. @param {{ api: Api, router: Router }} parts */
export function openFile({ api, router }) {
  const field = h('input', { type: 'file', accept: '.json,.jsonl,application/json', hidden: true });
  const take = async () => {
    const [file] = field.files ?? [];
    field.remove();
    if (!file) return;
    try {
      /** @type {Imported} */
      const { spans, traces } = await api.post('/traces/import', readOtlp(await file.text()));
      document.body.dispatchEvent(toast(`${things(spans, 'span')} of ${file.name} taken in`));
      if (traces[0]) router.push(`/t/${traces[0]}`);
    } catch (error) {
      const why = error instanceof SyntaxError ? 'it is no JSON.' : error instanceof Error ? error.message : String(error);
      document.body.dispatchEvent(toast(`${file.name} was not taken in: ${why}`, 'error'));
    }
  };
  field.addEventListener('change', () => void take());
  field.addEventListener('cancel', () => field.remove());
  // Somewhere in the document: an element that nothing holds may be gone before a file is chosen.
  document.body.append(field);
  field.click();
}

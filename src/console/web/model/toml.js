// The effective configuration, as Waylight itself writes it: one setting a line. Not a reader of TOML at large.

/** @typedef {{ name: string, key: string, value: string, text: string }} Setting `name`: its table, `text`: without quotes */
/** @typedef {{ name: string, head: string, settings: Setting[] }} Table `head` as written: `[store]`, `[[listener]]` */

/**
 * @param {string} text
 * @returns {Table[]}
 */
export function tables(text) {
  /** @type {Table[]} */
  const all = [{ name: '', head: '', settings: [] }];
  for (const line of text.split('\n')) {
    const head = /^\[+([^\]]*)\]+$/.exec(line);
    const [, key, value] = /^([^=]+?) = (.*)$/.exec(line) ?? [];
    const table = all.at(-1);
    if (head) all.push({ name: head[1] ?? '', head: line, settings: [] });
    else if (key !== undefined && value !== undefined && table) table.settings.push({ name: table.name, key, value, text: plain(value) });
  }
  return all.filter(({ settings, head }) => settings.length > 0 || head);
}

/**
 * The text of a setting; '' where it is not set.
 * @param {Table[]} all
 * @param {string} name
 * @param {string} key
 */
export function setting(all, name, key) {
  return all.find((table) => table.name === name && table.settings.some((one) => one.key === key))?.settings.find((one) => one.key === key)?.text ?? '';
}

/** The entries of a list of texts. @param {Table[]} all @param {string} name @param {string} key */
export function list(all, name, key) {
  const value = all.find((table) => table.name === name)?.settings.find((one) => one.key === key)?.value ?? '[]';
  const read = parsed(value);
  return Array.isArray(read) ? read.map(String) : [];
}

/**
 * The tables and settings that hold all words of a search, in their table's name, their own, or their value.
 * @param {Table[]} all
 * @param {string} search
 */
export function found(all, search) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return all;
  return all
    .map((table) => ({
      ...table,
      settings: table.settings.filter(({ name, key, value }) => {
        const line = `${name}.${key} = ${value}`.toLowerCase();
        return words.every((word) => line.includes(word));
      }),
    }))
    .filter(({ settings }) => settings.length > 0);
}

/** @param {string} value */
function plain(value) {
  const read = parsed(value);
  if (Array.isArray(read)) return read.join(', ');
  return typeof read === 'string' ? read : value;
}

/** What JSON and TOML write alike. @param {string} value @returns {unknown} */
function parsed(value) {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

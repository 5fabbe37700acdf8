// OTLP in JSON, as files hold it: one message, or, as collectors write it, one on each line.

/** The message of a file. @param {string} text @returns {unknown} */
export function readOtlp(text) {
  const lines = text.trim().split('\n');
  try {
    return JSON.parse(text);
  } catch (error) {
    if (lines.length < 2) throw error;
    return { resourceSpans: lines.filter((line) => line.trim() !== '').flatMap((line) => JSON.parse(line)?.resourceSpans ?? []) };
  }
}

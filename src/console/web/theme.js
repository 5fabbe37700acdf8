// Before the first paint: the theme that was chosen, where it is not the system's. A module would come too late.
try {
  const theme = localStorage.getItem('waylight.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset['theme'] = theme;
} catch {
  // No storage: the system's theme it is.
}

// Runs before the first paint. Without a choice of the reader the system's own preference counts.
{
  const chosen = localStorage.getItem("theme")
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen
}

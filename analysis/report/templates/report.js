// Draws every chart in the colours of the page, and again when the page turns light or dark.
(() => {
  const specs = JSON.parse(document.getElementById("specs").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const drawn = new Map();
  const theme = () => {
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink").trim(), faint = style.getPropertyValue("--line").trim();
    return {
      background: "transparent",
      font: "system-ui, sans-serif",
      view: { stroke: "transparent" },
      axis: { labelColor: ink, titleColor: ink, gridColor: faint, domainColor: faint, tickColor: faint },
      legend: { labelColor: ink, titleColor: ink },
      header: { labelColor: ink, titleColor: ink },
      title: { color: ink },
    };
  };
  const draw = async (id) => {
    const place = document.getElementById(id);
    if (!place) return;
    drawn.get(id)?.finalize();
    drawn.set(id, await vegaEmbed(place, structuredClone(specs[id]), { actions: false, renderer: "svg", config: theme() }));
  };
  const isOpen = (id) => !document.getElementById(id)?.closest("details:not([open])");
  const drawAll = () => Promise.all(Object.keys(specs).filter(isOpen).map(draw));
  drawAll().then(() => document.documentElement.setAttribute("data-drawn", String(drawn.size)));
  dark.addEventListener("change", drawAll);
  document.querySelectorAll("details").forEach((part) => part.addEventListener("toggle", () => {
    if (part.open) part.querySelectorAll(".chart").forEach((place) => { if (!drawn.has(place.id)) draw(place.id); });
  }));
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
})();

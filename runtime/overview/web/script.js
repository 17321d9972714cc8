// Shows the values under the pointer. Without it the charts are the same pictures.
for (const svg of document.querySelectorAll("svg[data-chart]")) {
	const series = JSON.parse(svg.dataset.chart).filter(s => s.x);
	const box = svg.viewBox.baseVal, frame = svg.parentElement;
	if (!series.length) continue;
	const tip = document.createElement("div"), cursor = document.createElementNS(svg.namespaceURI, "line");
	tip.className = "tip"; tip.hidden = true; frame.append(tip);
	cursor.setAttribute("class", "cursor"); cursor.setAttribute("y1", 8); cursor.setAttribute("y2", box.height - 22);
	const leave = () => { tip.hidden = true; cursor.remove(); };
	svg.addEventListener("pointerleave", leave);
	svg.addEventListener("pointermove", event => {
		const at = svg.getBoundingClientRect(), scale = box.width / at.width, x = (event.clientX - at.left) * scale;
		tip.replaceChildren();
		let place = 0, step = "";
		for (const s of series) {
			let best = 0;
			s.x.forEach((v, i) => { if (Math.abs(v - x) < Math.abs(s.x[best] - x)) best = i; });
			if (!step) { step = s.s[best]; place = s.x[best]; tip.append("step " + step); }
			const row = document.createElement("div"), value = document.createElement("b");
			value.className = "c" + s.c; value.textContent = s.t[best];
			row.append(series.length > 1 ? s.name + " " : "", value);
			tip.append(row);
		}
		cursor.setAttribute("x1", place); cursor.setAttribute("x2", place); svg.append(cursor);
		tip.hidden = false;
		const left = place / scale + at.left - frame.getBoundingClientRect().left + 12;
		tip.style.top = "8px";
		tip.style.left = Math.min(left, Math.max(0, frame.clientWidth - tip.offsetWidth)) + "px";
	});
}

import { type Markup, tag } from "./markup.js";
import type { Scale } from "./scale.js";

/** A value beside an axis: as short as it can be said. */
export function tickLabel(value: number): string {
  return value >= 1_000 ? value.toLocaleString("en") : String(value);
}

/** Vertical lines at the ticks from `top` to `bottom`, and what they stand for below. */
export function verticals(scale: Scale, top: number, bottom: number, label = tickLabel): Markup[] {
  return scale.ticks.flatMap((tick) => {
    const x = scale.place(tick);
    return [
      tag("line", { class: "grid", x1: x, x2: x, y1: top, y2: bottom }),
      tag("text", { class: "tick", x, y: bottom + 16, "text-anchor": "middle" }, label(tick)),
    ];
  });
}

/** Horizontal lines at the ticks from `left` to `right`, and what they stand for to the left. */
export function horizontals(scale: Scale, left: number, right: number): Markup[] {
  return scale.ticks.flatMap((tick) => {
    const y = scale.place(tick);
    return [
      tag("line", { class: "grid", x1: left, x2: right, y1: y, y2: y }),
      tag("text", { class: "tick", x: left - 8, y: y + 4, "text-anchor": "end" }, tickLabel(tick)),
    ];
  });
}

// The parts of ECharts that the page draws with, and its colours; loaded with the first page that draws.

import { BarChart, LineChart, ScatterChart } from "echarts/charts";
import { DataZoomComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { computed } from "vue";
import VChart from "vue-echarts";

import { grouped } from "../data/format";
import { useSettings } from "../stores/settings";

use([BarChart, LineChart, ScatterChart, DataZoomComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, CanvasRenderer]);

export { VChart };

/** The page's own colours, for the canvas, which knows no style sheet. */
export function useColours() {
  const settings = useSettings();
  return computed(() => {
    // Read again when the theme or the palette changes.
    const [dark, palette] = [settings.dark, settings.palette];
    const buy = { west: dark ? "#4cc38a" : "#0a6b43", east: dark ? "#ff8a80" : "#b3261e", safe: dark ? "#7fb4f0" : "#1f5fa8" }[palette];
    const sell = { west: dark ? "#ff8a80" : "#b3261e", east: dark ? "#4cc38a" : "#0a6b43", safe: dark ? "#f0a35e" : "#b35a00" }[palette];
    return {
      buy,
      sell,
      ink: dark ? "#e4ecef" : "#16232a",
      soft: dark ? "#93a5ae" : "#566972",
      line: dark ? "#26343b" : "#dbe1e4",
      card: dark ? "#162025" : "#ffffff",
      accent: dark ? "#57b8cf" : "#0f4c5c",
      warn: dark ? "#f0b357" : "#8a5200",
      bad: dark ? "#ff8a80" : "#b3261e",
      /** Lines of a chart that are no sides of a book, told apart by everybody (after Okabe and Ito). */
      series: dark ? ["#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#8c9eff", "#b0bec5"] : ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9", "#3949ab", "#546e7a"],
    };
  });
}

/** An axis of numbers, grouped as everywhere on the page; with `decimals`, those of the instrument's prices, where the step needs them. */
export function numbers(colours: { soft: string; line: string }, decimals = 8) {
  const held = axis(colours);
  return { ...held, axisLabel: { ...held.axisLabel, formatter: (value: number) => grouped(String(Number(value.toFixed(Math.min(decimals, 8))))) } };
}

/** What all axes look like. */
export function axis(colours: { soft: string; line: string }) {
  return {
    axisLabel: { color: colours.soft, fontSize: 11, hideOverlap: true },
    axisLine: { lineStyle: { color: colours.line } },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: colours.line, opacity: 0.6 } },
  };
}
